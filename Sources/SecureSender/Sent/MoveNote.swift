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

    private var name: String {
        ".moving-\(SHA256.digest(of: Array(source.path.utf8)).hex.prefix(16))"
    }

    private var temporaryName: String { NamelessFile.temporaryName(for: name) }

    /// Writes what nobody sees yet. To be called with the lock of `root`, as the others.
    func draft(_ moves: [Move]) throws(SystemCallError) -> NamelessFile {
        guard let data = try? JSONEncoder().encode(moves.map({ Entry($0) })) else {
            preconditionFailure("strings and numbers are always JSON")
        }
        let draft = try NamelessFile(in: root, temporaryName: temporaryName, contents: Array(data))
        draft.startWriting()
        return draft
    }

    /// Gives it its name. It is durable no later than what is named after it in `targets`: mostly without a sync.
    func publish(_ draft: NamelessFile, before targets: [Folder]) throws(SystemCallError) {
        do throws(SystemCallError) {
            if root.hasOrderedJournal, try root.sharesFileSystem(with: targets) {
                try draft.synchronizeAhead()
                try draft.link(as: name)
            } else {
                try draft.synchronize()
                try draft.link(as: name)
                try root.synchronize()
            }
        } catch {
            draft.discard()
            throw error
        }
    }

    func remove() {
        // One that stays tells of what is done, and is found to be.
        try? root.remove(name)
    }

    /// Does the rest of what a run left half done. Throws EINTR as soon as `stop` is wanted.
    func finish(stop: StopSignal) throws(SystemCallError) {
        try root.removeIfThere(temporaryName)
        guard try root.status(of: name) != nil else { return }
        let contents = try readAll(try root.open(name, O_RDONLY | O_NONBLOCK), limit: Self.mostBytes)
        // It was written as a whole: one that cannot be read is not ours, or came with a loss of power from a file system
        // that keeps no order.
        let entries = (try? JSONDecoder().decode([Entry].self, from: Data(contents))) ?? []
        let files = SentFiles(source: source, root: root, stop: stop)
        for entry in entries { try InterruptedMove(entry, of: files)?.resolve() }
        remove()
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
