import CommandSupport
import Files
import Glibc
import OpenSSL
import UploadProtocol

/// `ids.txt` as it was read, line by line: people edit it, so all that is not ours stays byte for byte.
///
/// It is changed by `edit` alone, all at once.
struct IdentifierFile {
    private static let limit = 8 << 20
    private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

    let path: String
    let status: stat
    /// As it was read.
    let list: IdentifierList
    private(set) var lines: [IdentifierFileLine]
    private let hasByteOrderMark: Bool
    private let newline: [UInt8]

    /// `nil` if there is none. A file with an error in any line is refused. `mostBareSecrets`: more of them are an error.
    init?(reading path: String, mostBareSecrets: Int = IdentifierList.mostBareSecrets) throws {
        guard let status = try fileStatus(path) else { return nil }
        guard status.isRegularFile else {
            throw CommandFailure(
                "\(path) is not a regular file", reason: "it could not be replaced as a whole",
                hint: "put the file itself there instead of a link or a folder", exitCode: .dataError)
        }
        self.path = path
        self.status = status
        let text = try readFile(path, limit: Self.limit)
        do {
            list = try IdentifierList(parsing: text, mostBareSecrets: mostBareSecrets)
        } catch {
            throw CommandFailure(
                "\(path) has an error", reason: error.description, hint: Self.hint(for: error), exitCode: .dataError)
        }
        hasByteOrderMark = text.starts(with: Self.byteOrderMark)
        newline = text.contains(UInt8(ascii: "\r")) ? [13, 10] : [10]
        lines = IdentifierFileLine.all(in: text.dropFirst(hasByteOrderMark ? Self.byteOrderMark.count : 0))
    }

    static func hint(for error: IdentifierListError) -> String {
        if case .tooManyBareSecrets = error {
            return "give each of them a name, with new secrets: provision import ids.txt; nothing has been changed"
        }
        return "mend that line in an editor, then run this again; nothing has been changed"
    }

    /// Lets `change` alter the file as it is at this moment, and writes it. People edit the file without our lock, perhaps
    /// to shut a Pi out: if it changed meanwhile, `change` is called again with what it is then.
    static func edit(_ path: String, _ change: (inout IdentifierFile) throws -> Void) throws {
        for _ in 1...100 {
            // More lines without a name than the receiver takes are no reason to leave another line in.
            guard var file = try IdentifierFile(reading: path, mostBareSecrets: .max) else {
                throw SystemCallError("read", path, code: ENOENT)
            }
            let lines = file.lines
            try change(&file)
            if file.lines == lines { return }
            if try file.write() { return }
        }
        throw CommandFailure(
            "\(path) keeps changing", reason: "something else writes it all the time",
            hint: "run this again when that has ended", exitCode: .temporaryFailure)
    }

    static func create(_ path: String) throws {
        let comment = """
            # One Pi a line: its secret, a space, its name. Keep this file private.
            # A Pi whose line is taken out is refused from its next request on.

            """
        try writeNewFile(path, Array(comment.utf8), mode: 0o600)
    }

    func contains(_ secret: PiSecret) -> Bool {
        lines.contains { $0.entry?.secret == secret }
    }

    /// Adds the line of `pi` at the end, with the line ends of the file.
    mutating func append(_ secret: PiSecret, for pi: PiName) {
        endLastLine()
        lines.append(IdentifierFileLine(secret, for: pi, newline: newline))
    }

    /// Adds a line of `pi` behind its others.
    mutating func insert(_ secret: PiSecret, besideOthersOf pi: PiName) {
        guard let last = lines.lastIndex(where: { $0.isActive(of: pi) }) else { return append(secret, for: pi) }
        if last == lines.count - 1 { endLastLine() }
        lines.insert(IdentifierFileLine(secret, for: pi, newline: newline), at: last + 1)
    }

    /// Adds a line at the end that does not count, with the line ends of the file.
    mutating func appendComment(_ line: String) {
        endLastLine()
        lines.append(IdentifierFileLine(bytes: Array(line.utf8) + newline))
    }

    /// Takes every line out for which `isUnwanted` is true.
    mutating func remove(where isUnwanted: (IdentifierFileLine) -> Bool) {
        lines.removeAll(where: isUnwanted)
    }

    /// Puts `replacement` in the place of each line for which it is not `nil`.
    mutating func replace(_ replacement: (IdentifierFileLine) -> IdentifierFileLine?) {
        lines = lines.map { replacement($0) ?? $0 }
    }

    private mutating func endLastLine() {
        guard !lines.isEmpty else { return }
        lines[lines.count - 1].end(with: newline)
    }

    /// Writes the file as a whole, with its mode and owner; `false` if it is no longer the one that was read.
    private func write() throws -> Bool {
        let text = (hasByteOrderMark ? Self.byteOrderMark : []) + lines.flatMap(\.bytes)
        // One fixed name, so that what an interruption leaves is removed by the next run; the lock makes it ours.
        let temporary = Self.temporary(of: path)
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
            // The group's bits of a list are its mask (acl(5)): as a mode they would open the file to the owning group.
            if try !copyAccessList(of: path, to: file) {
                guard fchmod(file.number, status.permissions) == 0 else {
                    throw SystemCallError("set the mode of", path)
                }
            }
            try file.write(text)
            try file.synchronize()
            guard try fileStatus(path)?.isUnchanged(since: status) == true else {
                unlink(temporary)
                return false
            }
            guard rename(temporary, path) == 0 else { throw SystemCallError("replace", path) }
        } catch {
            unlink(temporary)
            throw error
        }
        try synchronizeDirectory(of: path)
        return true
    }

    static func temporary(of path: String) -> String { "\(directory(of: path))/.ids.txt.new" }
}

extension stat {
    fileprivate func isUnchanged(since other: stat) -> Bool {
        (st_dev, st_ino, st_size) == (other.st_dev, other.st_ino, other.st_size)
            && (st_mtim.tv_sec, st_mtim.tv_nsec) == (other.st_mtim.tv_sec, other.st_mtim.tv_nsec)
            && (st_ctim.tv_sec, st_ctim.tv_nsec) == (other.st_ctim.tv_sec, other.st_ctim.tv_nsec)
    }
}
