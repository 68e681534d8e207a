import CommandSupport
import Files
import Glibc
import OpenSSL
import UploadProtocol

/// `ids.txt` as it was read: people edit it, so all that is not ours stays byte for byte.
struct IdentifierFile {
    private static let limit = 8 << 20

    private let path: String
    private let text: [UInt8]
    private let status: stat
    let list: IdentifierList

    /// `nil` if there is none. A file with an error in any line is refused.
    init?(reading path: String) throws {
        guard let status = try fileStatus(path) else { return nil }
        guard status.isRegularFile else {
            throw CommandFailure(
                "\(path) is not a regular file", reason: "it could not be replaced as a whole",
                hint: "put the file itself there instead of a link or a folder", exitCode: .dataError)
        }
        self.path = path
        self.status = status
        text = try readFile(path, limit: Self.limit)
        do {
            list = try IdentifierList(parsing: text)
        } catch {
            throw CommandFailure(
                "\(path) has an error", reason: error.description,
                hint: "mend that line in an editor, then run this again; nothing has been changed", exitCode: .dataError
            )
        }
    }

    static func create(_ path: String) throws {
        let comment = """
            # One Pi a line: its secret, a space, its name. Keep this file private.
            # A Pi whose line is taken out is refused from its next request on.

            """
        try writeNewFile(path, Array(comment.utf8), mode: 0o600)
    }

    func contains(_ secret: PiSecret) -> Bool {
        list.bare.contains(secret) || list.named.values.contains { $0.contains(secret) }
    }

    /// Adds the line of `pi` at the end, with the line ends of the file, and writes it as a whole, with its mode and owner.
    func append(_ secret: PiSecret, for pi: PiName) throws {
        let newline: [UInt8] = text.contains(UInt8(ascii: "\r")) ? [13, 10] : [10]
        var new = text
        if let last = new.last, last != 10 { new += newline }
        new += secret.key.withUnsafeBytes(Array.init) + Array(" \(pi)".utf8) + newline
        try replace(with: new)
    }

    private func replace(with new: [UInt8]) throws {
        // One fixed name, so that what an interruption leaves is removed by the next run; the lock makes it ours.
        let temporary = "\(directory(of: path))/.ids.txt.new"
        try removeTree(temporary)
        let file = try FileDescriptor(opening: temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        do {
            let own = try file.status()
            if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid) {
                // The receiver may run as the owner or in the group: it must still be able to read the file.
                guard fchown(file.number, status.st_uid, status.st_gid) == 0 else {
                    throw SystemCallError("keep the owner of", path)
                }
            }
            guard fchmod(file.number, status.permissions) == 0 else { throw SystemCallError("set the mode of", path) }
            try file.write(new)
            try file.synchronize()
            guard rename(temporary, path) == 0 else { throw SystemCallError("replace", path) }
        } catch {
            unlink(temporary)
            throw error
        }
        try synchronizeDirectory(of: path)
    }
}
