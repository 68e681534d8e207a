import Files
import FoundationEssentials
import Glibc
import OpenSSL
import UploadProtocol

/// What is being copied to another file system, written down before the first copy has its name and removed after the last
/// original is gone. One for each folder that files are sent from.
struct MoveNote {
    let source: Folder
    let root: Folder

    private struct Entry: Codable {
        /// Below `source`.
        let path: String
        /// In the folder of the same path below `root`.
        let name: String
        let sha256: String
        /// When the original was modified. FAT does not keep inode numbers.
        let seconds: Int64
        let nanoseconds: Int64

        var modified: Fingerprint.Moment { Fingerprint.Moment(seconds: seconds, nanoseconds: nanoseconds) }
    }

    /// More than a batch has.
    private static let mostBytes = 16 << 20

    static func hiddenName(for name: String) -> String { ".\(name).moved" }

    private var name: String {
        ".moving-\(SHA256.digest(of: Array(source.path.utf8)).hex.prefix(16))"
    }

    /// To be called with the lock of `root`, as the others.
    func write(_ moves: [Move]) throws(SystemCallError) {
        let entries = moves.map {
            Entry(
                path: $0.file.path.description, name: $0.name, sha256: $0.file.digest.hex,
                seconds: $0.file.fingerprint.modified.seconds, nanoseconds: $0.file.fingerprint.modified.nanoseconds)
        }
        guard let data = try? JSONEncoder().encode(entries) else {
            preconditionFailure("strings and numbers are always JSON")
        }
        try root.replace(name, Array(data))
    }

    func remove() {
        // One that stays tells of originals that are gone: nothing is done about it.
        try? root.remove(name)
    }

    /// Does the rest of what a run left half done.
    func finish() throws(SystemCallError) {
        try root.removeIfThere(NamelessFile.temporaryName(for: name))
        guard try root.status(of: name) != nil else { return }
        let contents = try readAll(try root.open(name, O_RDONLY | O_NONBLOCK), limit: Self.mostBytes)
        // It was replaced as a whole: one that cannot be read is not ours.
        let entries = (try? JSONDecoder().decode([Entry].self, from: Data(contents))) ?? []
        for entry in entries { try finish(entry) }
        remove()
    }

    private func finish(_ entry: Entry) throws(SystemCallError) {
        guard let path = try? UploadPath(plain: entry.path), let digest = SHA256Digest(hex: entry.sha256),
            !entry.name.utf8.contains(UInt8(ascii: "/")), entry.name.utf8.first != UInt8(ascii: ".")
        else { return }
        let parents = path.segments.dropLast()
        guard let from = try? source.folder(parents) else { return }
        let to = try? root.folder(parents)
        try? to?.remove(NamelessFile.temporaryName(for: entry.name))
        for name in [path.name, Self.hiddenName(for: path.name)] {
            guard let original = try from.status(of: name), original.isRegularFile else { continue }
            guard Fingerprint(original).modified == entry.modified, let to,
                try isComplete(entry.name, in: to, digest: digest),
                try digestOfFile(name, in: from) == digest
            else {
                // The copy is not whole, or the original has changed since, or another has its name: this stays, and is sent.
                if name != path.name {
                    try SentFiles(source: source, root: root).putBack(name, of: from, to: from, as: path.name)
                }
                continue
            }
            try from.remove(name)
            try from.synchronize()
        }
    }

    /// Whether the copy is there with its receipt.
    private func isComplete(_ name: String, in folder: Folder, digest: SHA256Digest) throws(SystemCallError) -> Bool {
        let receiptName = name + UploadPath.receiptSuffix
        guard try folder.status(of: name)?.isRegularFile == true,
            try folder.status(of: receiptName)?.isRegularFile == true
        else { return false }
        let receipt = try readAll(try folder.open(receiptName, O_RDONLY | O_NONBLOCK), limit: Self.mostBytes)
        guard ReceiptFile(parsing: receipt, name: name)?.digest == digest,
            try digestOfFile(name, in: folder) == digest
        else { return false }
        // Before the original goes: the run that made them may not have come so far.
        try folder.synchronize()
        return true
    }

    private func digestOfFile(_ name: String, in folder: Folder) throws(SystemCallError) -> SHA256Digest {
        try folder.open(name, O_RDONLY | O_NONBLOCK).digest()
    }
}
