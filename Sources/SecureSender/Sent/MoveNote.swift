import Files
import FoundationEssentials
import Glibc
import OpenSSL
import UploadProtocol

/// What a batch is about to move, written down before the first of its names changes and removed once nothing of it is half
/// done. One for each folder that files are sent from.
///
/// A run that is interrupted has perhaps not looked at what it moved, whether somebody was quicker and goes on to write to it;
/// or it has made a copy and not removed the original. The next one does that by the note, and need not look through all
/// that was ever sent.
struct MoveNote {
    let source: Folder
    let root: Folder

    struct Entry: Codable {
        /// Below `source`.
        let path: String
        /// In the folder of the same path below `root`.
        let name: String
        let sha256: String
        /// The original's. FAT has other numbers each time it is mounted.
        let inode: UInt64
        /// When the original was modified.
        let seconds: Int64
        let nanoseconds: Int64
    }

    /// More than a batch has.
    private static let mostBytes = 16 << 20

    static func hiddenName(for name: String) -> String { ".\(name).moved" }

    struct Draft {
        let name: String
        let file: NamelessFile
    }

    /// Of a batch that was interrupted.
    struct Unfinished: Hashable, Sendable {
        /// Below `source`; `nil` for a note that cannot be read.
        let path: String?
        let error: SystemCallError
    }

    /// The first that is free is the next batch's: others may hold what cannot be finished yet, or be unreadable.
    var names: [String] {
        let first = ".moving-\(SHA256.digest(of: Array(source.path.utf8)).hex.prefix(16))"
        return (1...8).map { sentName(first, attempt: $0) }
    }

    /// Writes what nobody sees yet. To be called with the lock of `root`, as the others.
    func draft(_ moves: [Move]) throws(SystemCallError) -> Draft {
        let names = names
        guard let name = names.first(where: { isFree($0) }) else {
            throw SystemCallError("create", root.path(of: names[0]), code: EEXIST)
        }
        let file = try NamelessFile(
            in: root, temporaryName: NamelessFile.temporaryName(for: name),
            contents: Self.contents(moves.map { Entry($0) }))
        file.startWriting()
        return Draft(name: name, file: file)
    }

    private func isFree(_ name: String) -> Bool {
        do throws(SystemCallError) { return try root.status(of: name) == nil } catch { return false }
    }

    private static func contents(_ entries: [Entry]) -> [UInt8] {
        guard let data = try? JSONEncoder().encode(entries) else {
            preconditionFailure("strings and numbers are always JSON")
        }
        return Array(data)
    }

    /// Gives it its name. It is durable no later than what is named after it in `targets`: mostly without a sync.
    func publish(_ draft: Draft, before targets: [Folder]) throws(SystemCallError) {
        do throws(SystemCallError) {
            if root.hasOrderedJournal, try root.sharesFileSystem(with: targets) {
                try draft.file.synchronizeAhead()
                try draft.file.link(as: draft.name)
            } else {
                try draft.file.synchronize()
                try draft.file.link(as: draft.name)
                try root.synchronize()
            }
        } catch {
            draft.file.discard()
            throw error
        }
    }

    func remove(_ name: String) {
        // One that stays tells of what is done, and is found to be.
        try? root.remove(name)
    }
}

extension MoveNote {
    /// Does the rest of what runs left half done, entry by entry: what fails stays noted, and holds up nothing else. Throws
    /// EINTR as soon as `stop` is wanted.
    func finish(stop: StopSignal) throws(SystemCallError) -> (kept: [Entry], unfinished: [Unfinished]) {
        let files = SentFiles(source: source, root: root, stop: stop)
        var (read, count): ([String], Int) = ([], 0)
        var (kept, unfinished): ([Entry], [Unfinished]) = ([], [])
        for name in names {
            do throws(SystemCallError) {
                guard let entries = try entries(of: name) else { continue }
                read.append(name)
                count += entries.count
                for entry in entries {
                    guard let error = try failure(of: entry, files) else { continue }
                    kept.append(entry)
                    unfinished.append(Unfinished(path: entry.path, error: error))
                }
            } catch {
                if error.code == EINTR { throw error }
                unfinished.append(Unfinished(path: nil, error: error))
            }
        }
        keep(kept, of: count, in: read)
        return (kept, unfinished)
    }

    /// `nil` if there is no such note.
    private func entries(of name: String) throws(SystemCallError) -> [Entry]? {
        try? root.removeIfThere(NamelessFile.temporaryName(for: name))
        guard try root.status(of: name) != nil else { return nil }
        let contents = try readAll(try root.open(name, O_RDONLY | O_NONBLOCK), limit: Self.mostBytes)
        // It was written as a whole: one of other contents is not ours, or came with a loss of power from a file system
        // that keeps no order.
        return (try? JSONDecoder().decode([Entry].self, from: Data(contents))) ?? []
    }

    private func failure(of entry: Entry, _ files: SentFiles) throws(SystemCallError) -> SystemCallError? {
        do throws(SystemCallError) {
            try InterruptedMove(entry, of: files)?.resolve()
            return nil
        } catch {
            if error.code == EINTR { throw error }
            return error
        }
    }

    /// `count`: how many entries the notes of those names had.
    private func keep(_ entries: [Entry], of count: Int, in names: [String]) {
        if entries.isEmpty { return names.forEach(remove) }
        guard names.count > 1 || entries.count < count else { return }
        do throws(SystemCallError) {
            try root.replace(names[0], Self.contents(entries))
            names.dropFirst().forEach(remove)
        } catch {
            // As they are they tell of more than is left, which is then looked at once more.
        }
    }
}

extension MoveNote.Entry {
    init(_ move: Move) {
        let file = move.file
        self.init(
            path: file.path.description, name: move.name, sha256: file.digest.hex, inode: file.fingerprint.inode,
            seconds: file.fingerprint.modified.seconds, nanoseconds: file.fingerprint.modified.nanoseconds)
    }

    var modified: Fingerprint.Moment { Fingerprint.Moment(seconds: seconds, nanoseconds: nanoseconds) }
}

extension Folder {
    fileprivate func sharesFileSystem(with others: [Folder]) throws(SystemCallError) -> Bool {
        let device = try descriptor.status().st_dev
        for other in others {
            guard try other.descriptor.status().st_dev == device else { return false }
        }
        return true
    }
}
