import Files
import Glibc
import MessageSignatures
import UploadProtocol

/// Removes sent files that may go: the oldest first, and never one without a valid receipt.
final class Housekeeping {
    struct Outcome {
        var removed = 0
        /// Bytes of files and receipts.
        var freed: Int64 = 0
        /// Files that should go and stay, because of a doubt.
        var kept = Noted<(path: String, doubt: SentFileDoubt)>()
        /// Folders that cannot be read, and names that cannot be looked at; those beside them are tidied up all the same.
        var unreadable = Noted<SystemCallError>()
    }

    private struct Candidate: Comparable {
        let parents: [String]
        let name: String
        /// When it was moved here, by the system clock, in nanoseconds since 1970.
        let changed: Int64
        /// With its receipt.
        let size: Int64

        static func < (left: Candidate, right: Candidate) -> Bool {
            // Many are moved within one tick of the kernel's clock; a folder gives its names in any order.
            guard left.changed == right.changed else { return left.changed < right.changed }
            guard left.parents == right.parents else { return left.parents.lexicographicallyPrecedes(right.parents) }
            return left.name < right.name
        }
    }

    private let root: Folder
    private let pi: PiName
    private let limits: SentLimits
    /// Seconds since 1970.
    private let now: Int64
    private let stop: StopSignal
    /// Files held at a time, so that any number takes no more memory.
    private let pageSize: Int
    private var page: [Candidate] = []
    /// All up to this one were looked at.
    private var last: Candidate?
    /// Bytes of all that may go, as far as is known.
    private var total: Int64 = 0
    private var outcome = Outcome()
    private var hasFuture = false

    /// `now`: the best time known, in seconds since 1970; a clock that is wrong must not make everything old. `stop`: the rest
    /// is left for the next time.
    init(
        of root: Folder, pi: PiName, limits: SentLimits, now: Int64, stop: StopSignal = StopSignal(),
        pageSize: Int = 20_000
    ) {
        self.root = root
        self.pi = pi
        self.limits = limits
        self.now = now
        self.stop = stop
        self.pageSize = pageSize
    }

    /// `removes`: else `tell` alone is called for what would go.
    func run(removes: Bool = true, tell: (String) -> Void = { _ in }) -> Outcome {
        // Before the first that may go there can be any number that have to stay.
        while findOldest() {
            for candidate in page {
                let isTooMuch = limits.bytes.map { total > $0 } ?? false
                guard !stop.isWanted else { return outcome }
                guard isTooMuch || mayBeOld(candidate) else {
                    // All behind it is younger, but for what comes last.
                    guard hasFuture, limits.seconds != nil else { return outcome }
                    continue
                }
                do throws(SentFileDoubt) {
                    guard try handle(candidate, isTooMuch: isTooMuch, removes: removes) else { continue }
                } catch {
                    if stop.isWanted { return outcome }
                    outcome.kept.append((path(of: candidate), error))
                    // Nothing that is newer would go in its place.
                    total -= candidate.size
                    continue
                }
                tell(path(of: candidate))
                total -= candidate.size
                outcome.removed += 1
                outcome.freed += candidate.size
            }
        }
        return outcome
    }

    /// One that was moved in the future, by this Pi's clock on that day, is judged by its receipt.
    private func mayBeOld(_ candidate: Candidate) -> Bool {
        let moved = candidate.changed / 1_000_000_000
        return limits.seconds.map { moved <= now - $0 || moved > now } ?? false
    }

    /// Whether it may go, and has.
    private func handle(_ candidate: Candidate, isTooMuch: Bool, removes: Bool) throws(SentFileDoubt) -> Bool {
        let folder: Folder
        do throws(SystemCallError) { folder = try root.folder(candidate.parents) } catch { throw .failed(error) }
        let file = SentFile(folder: folder, parents: candidate.parents, name: candidate.name)
        let fingerprint = try file.verify(pi: pi, certificates: KeptCertificates(root: root), stop: stop) { receipt in
            // The receiver's clock, not that of this Pi on the day of the move.
            isTooMuch || limits.seconds.map { (receipt.parameters.created ?? .max) <= now - $0 } ?? false
        }
        guard let fingerprint else { return false }
        if removes { try remove(file, fingerprint) }
        return true
    }

    /// The receipt last: one without its file is still a proof, and a file without one is not.
    private func remove(_ file: SentFile, _ fingerprint: Fingerprint) throws(SentFileDoubt) {
        do throws(SystemCallError) {
            // A run may be moving files here.
            guard let lock = try root.lock(unless: stop) else {
                throw SystemCallError("lock", root.path, code: EINTR)
            }
            defer { withExtendedLifetime(lock) {} }
            guard let status = try file.folder.status(of: file.name), Fingerprint(status) == fingerprint else { return }
            try file.folder.remove(file.name)
            try file.folder.remove(file.receiptName)
        } catch {
            throw .failed(error)
        }
    }

    private func path(of candidate: Candidate) -> String {
        (candidate.parents + [candidate.name]).joined(separator: "/")
    }
}

// MARK: - Looking

extension Housekeeping {
    /// Fills the page with the oldest of those that were not looked at; false if there are none.
    private func findOldest() -> Bool {
        // A page that is not full was the last one.
        guard last == nil || page.count == pageSize else { return false }
        page = []
        note { () throws(SystemCallError) in try collect(root, parents: []) }
        cutPage()
        last = page.last
        return !page.isEmpty
    }

    /// Hidden names and links are left out.
    private func collect(_ folder: Folder, parents: [String]) throws(SystemCallError) {
        try folder.forEachName { bytes throws(SystemCallError) in
            guard !stop.isWanted, bytes.first != UInt8(ascii: "."), let name = String(validating: bytes, as: UTF8.self)
            else { return }
            note { () throws(SystemCallError) in try take(name, of: folder, parents: parents) }
        }
    }

    private func take(_ name: String, of folder: Folder, parents: [String]) throws(SystemCallError) {
        guard let status = try folder.status(of: name) else { return }
        if status.isFolder {
            guard !folder.isLostAndFound(name, status) else { return }
            try collect(try folder.folder(name), parents: parents + [name])
        } else if status.isRegularFile {
            if last == nil { total += Int64(status.st_size) }
            // Found with its file.
            guard !UploadPath.isReceiptName(name) else { return }
            let receipt = try folder.status(of: name + UploadPath.receiptSuffix)
            let candidate = Candidate(
                parents: parents, name: name, changed: Fingerprint(status).changed.wholeNanoseconds,
                size: Int64(status.st_size) + Int64(receipt?.st_size ?? 0))
            hasFuture = hasFuture || candidate.changed / 1_000_000_000 > now
            if let last, candidate <= last { return }
            page.append(candidate)
            if page.count == 2 * pageSize { cutPage() }
        }
    }

    /// What cannot be looked at must not keep the rest for ever; it comes by again for each page.
    private func note(_ look: () throws(SystemCallError) -> Void) {
        do throws(SystemCallError) { try look() } catch {
            if last == nil, error.code != ENOENT { outcome.unreadable.append(error) }
        }
    }

    private func cutPage() {
        page.sort()
        page.removeLast(max(0, page.count - pageSize))
    }
}
