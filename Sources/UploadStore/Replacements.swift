import Files
import Glibc
import OpenSSL
import Synchronization
import UploadProtocol

/// Carries replacements out, in steps that can be cut between any two and done again.
///
/// Two names change, the receipt's and the file's, and no call renames both at once. So the intent comes first; the earlier
/// version gets its own name and receipt; then both names change, the file's last. Whoever reads the file's name sees the
/// old or the new content, whole.
final class Replacements: Sendable {
    private let notes: Notes
    private let tree: FolderTree
    private let temporaries: TemporaryFiles
    private let observe: StepObserver
    let readings: Readings
    /// What an error cut off halfway, by the key of its place; to be finished before anything else happens there.
    private let unfinished = Mutex<[[UInt8]: Replacement]>([:])

    init(
        in notes: Notes, tree: FolderTree, temporaries: TemporaryFiles, readings: Readings,
        observe: @escaping StepObserver
    ) {
        self.notes = notes
        self.tree = tree
        self.temporaries = temporaries
        self.readings = readings
        self.observe = observe
    }

    var directory: Directory { get throws(SystemCallError) { try notes.folder(.replacing) } }

    /// Makes the two files and the intent durable.
    func prepare(
        _ place: Place, digest: SHA256Digest, content: TemporaryFile, receipt: TemporaryFile
    ) throws -> Replacement {
        let replacement = Replacement(id: randomName(), pi: place.pi, path: place.path, digest: digest)
        do {
            let directory = try directory
            let intent = try temporaries.make(holding: replacement.contents)
            try TemporaryFiles.synchronize(content, receipt, intent)
            try content.link(into: directory, as: replacement.contentName)
            observe(.replacementContentLinked)
            try receipt.link(into: directory, as: replacement.receiptName)
            observe(.replacementReceiptLinked)
            // Last: an intent that is there has both of its files.
            try intent.link(into: directory, as: replacement.intentName)
            observe(.intentLinked)
            try directory.synchronize()
        } catch {
            abandon(replacement)
            throw error
        }
        return replacement
    }

    /// After an error the replacement is undone if no final name was touched yet; else it is kept to be finished.
    /// `found`: what files hold that were just read.
    func carryOut(_ replacement: Replacement, knowing found: [FileStamp: SHA256Digest] = [:]) throws {
        let directory: Directory
        do {
            // Held until the end: what is done must not stay noted because the folder cannot be looked up once more.
            directory = try self.directory
            try keepEarlierVersion(replacement, found)
            try exchange(replacement)
        } catch {
            abandon(replacement)
            throw error
        }
        discard(replacement, in: directory)
        observe(.intentRemoved)
    }

    /// Finishes what an earlier error left at this place.
    func finishUnfinished(at place: Place) throws {
        guard let replacement = unfinished.withLock({ $0[place.key] }) else { return }
        try carryOut(replacement)
    }

    func isUnfinished(_ replacement: Replacement) -> Bool {
        unfinished.withLock { $0[replacement.place.key] == replacement }
    }

    /// Takes the intent back, and its files with it.
    func discard(_ replacement: Replacement, in held: Directory? = nil) {
        // What cannot be removed now goes at the next start: without its files an intent asks for nothing.
        if let directory = held ?? (try? directory) {
            try? directory.remove(replacement.intentName)
            try? directory.remove(replacement.contentName)
            try? directory.remove(replacement.receiptName)
        }
        unfinished.withLock { _ = $0.removeValue(forKey: replacement.place.key) }
    }

    private func abandon(_ replacement: Replacement) {
        do {
            let directory = try directory
            let isIntended = try directory.has(replacement.intentName)
            let isUntouched = try directory.has(replacement.contentName) && directory.has(replacement.receiptName)
            if isIntended {
                guard isUntouched else { return keep(replacement) }
                try directory.remove(replacement.intentName)
            }
            discard(replacement)
        } catch {
            keep(replacement)
        }
    }

    private func keep(_ replacement: Replacement) {
        unfinished.withLock { $0[replacement.place.key] = replacement }
    }
}

extension Replacements {
    /// The current content becomes `.versions/<path>/<sha256>`, its receipt beside it.
    private func keepEarlierVersion(_ replacement: Replacement, _ found: [FileStamp: SHA256Digest]) throws {
        let place = replacement.place
        guard try directory.has(replacement.contentName), let folder = try tree.existing(place.folder),
            let current = try StoredFile(place.name, in: folder)
        else { return }
        let digest = try found[FileStamp(current.status)] ?? readings.digest(of: current)
        guard digest != replacement.digest else { return }

        let versions = try tree.durable(place.versionsFolder)
        try current.file.synchronize()
        try link(current, of: place, in: folder, into: versions, as: digest)
        observe(.earlierContentLinked)
        do { try keepReceipt(of: place, in: folder, into: versions, digest: digest) } catch {
            takeBack(digest, of: current, in: versions)
            throw error
        }
        observe(.earlierReceiptLinked)
        try versions.synchronize()
    }

    private func link(
        _ current: StoredFile, of place: Place, in folder: Directory, into versions: Directory, as digest: SHA256Digest
    ) throws {
        do throws(SystemCallError) {
            try folder.link(place.name, into: versions, as: digest.hex)
        } catch {
            guard error.code == EEXIST else { throw error }
            // Linked before a crash, or really held twice. What has the name and not the content is damaged.
            if let held = try StoredFile(digest.hex, in: versions), held.size == current.size,
                try readings.digest(of: held) == digest
            {
                return try held.file.synchronize()
            }
            let step = randomName()
            let directory = try directory
            try folder.link(place.name, into: directory, as: step)
            defer { try? directory.remove(step) }
            try directory.rename(step, into: versions, as: digest.hex)
        }
    }

    /// A version without a receipt would be taken for a damaged one. What it holds has its own name still.
    private func takeBack(_ digest: SHA256Digest, of current: StoredFile, in versions: Directory) {
        guard let version = try? versions.status(of: digest.hex), version.isSameFile(as: current.status),
            (try? versions.has(Place.receiptName(of: digest.hex))) == false
        else { return }
        // What cannot be removed now is given its receipt when the file is sent again.
        try? versions.remove(digest.hex)
    }

    private func keepReceipt(
        of place: Place, in folder: Directory, into versions: Directory, digest: SHA256Digest
    ) throws {
        let name = digest.hex
        let receiptName = Place.receiptName(of: name)
        if try versions.receiptFile(receiptName, for: name)?.digest == digest { return }
        let current = try folder.receiptFile(place.receiptName, for: place.name)
        let kept =
            if let current, current.digest == digest { current.renamed(to: name) } else {
                ReceiptFile(withoutReceiptFor: digest, name: name)
            }
        let temporary = try temporaries.make(holding: kept.contents)
        try TemporaryFiles.synchronize(temporary)
        try temporary.replace(in: versions, as: receiptName)
    }

    private func exchange(_ replacement: Replacement) throws {
        let place = replacement.place
        let folder = try tree.durable(place.folder)
        let directory = try directory
        let hasContent = try directory.has(replacement.contentName)
        // Without its content here, the receipt may only follow to where the content has gone.
        let receiptIsDue =
            try hasContent
            || StoredFile(place.name, in: folder).map { try readings.digest(of: $0) } == replacement.digest
        if try receiptIsDue && directory.has(replacement.receiptName) {
            try directory.rename(replacement.receiptName, into: folder, as: place.receiptName)
            observe(.receiptReplaced)
        }
        if hasContent {
            try directory.rename(replacement.contentName, into: folder, as: place.name)
            observe(.contentReplaced)
        }
        try folder.synchronize()
    }
}
