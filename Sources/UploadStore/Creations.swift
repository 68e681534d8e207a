import Files
import Glibc
import UploadProtocol

/// What is being given a new name: here each receipt has a second name, from before it gets its own until its file has
/// followed it and both are durable.
///
/// So a receipt that stands alone is told apart: named here as well, a crash cut its upload off, and a start takes it back
/// without looking through the store; not named here, the file beside it was lost after it was acknowledged. Nothing is
/// synced for this: a file system with a journal keeps the order of names.
struct Creations: Sendable {
    private let find: @Sendable () throws(SystemCallError) -> Directory

    /// `find`: where the second names are.
    init(in find: @escaping @Sendable () throws(SystemCallError) -> Directory) {
        self.find = find
    }

    private var directory: Directory { get throws(SystemCallError) { try find() } }

    /// One that is under way.
    struct Creation {
        fileprivate let directory: Directory
        fileprivate let name: String

        func end() {
            // What cannot be removed now goes at the next start.
            try? directory.remove(name)
        }
    }

    func begin(_ receipt: TemporaryFile) throws(SystemCallError) -> Creation {
        let creation = Creation(directory: try directory, name: randomName())
        try receipt.link(into: creation.directory, as: creation.name)
        return creation
    }

    /// Whether `receipt` is of an upload that is under way, or that a crash cut off.
    func include(_ receipt: stat) throws(SystemCallError) -> Bool {
        let directory = try directory
        for name in try directory.names() {
            if let noted = try directory.status(of: name), noted.isSameFile(as: receipt) { return true }
        }
        return false
    }
}

extension Creations {
    /// Takes back each receipt whose file did not follow: its upload was never acknowledged.
    func recover(_ tree: FolderTree, _ recovery: inout Recovery) throws {
        let directory = try directory
        for name in try directory.names() {
            do {
                if try undo(name, tree) { recovery.undone += 1 }
                try directory.remove(name)
            } catch {
                // One that a bad sector hides must not keep all stations from being served.
                recovery.unfinished.append("\(directory.path(of: name)): \(error)")
            }
        }
    }

    private func undo(_ name: String, _ tree: FolderTree) throws -> Bool {
        guard let note = try StoredFile(name, in: directory), let place = try place(of: note),
            let folder = try tree.existing(place.folder),
            let beside = try folder.status(of: place.receiptName), try note.file.status().isSameFile(as: beside),
            try !folder.has(place.name)
        else { return false }
        try folder.remove(place.receiptName)
        try folder.synchronize()
        return true
    }

    /// `nil` if it is no receipt.
    private func place(of note: StoredFile) throws -> Place? {
        guard let file = ReceiptFile(parsing: try readAll(note.file, limit: mostReceiptBytes)),
            let receipt = UnverifiedReceipt(file)?.statement, let pi = PiName(receipt.pi),
            let path = try? UploadPath(plain: receipt.path)
        else { return nil }
        return Place(pi: pi, path: path)
    }
}

extension stat {
    func isSameFile(as other: stat) -> Bool { st_dev == other.st_dev && st_ino == other.st_ino }
}
