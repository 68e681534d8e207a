import CommandSupport
import Files
import Glibc
import UploadProtocol

/// The old system's `ids.txt`: one id a line, and blank lines.
struct OldIdentifiers {
    struct Entry {
        /// 1 is the first.
        let line: Int
        let secret: PiSecret
    }

    /// Each id once, in the order of the file.
    let entries: [Entry]
    /// Lines that say what an earlier one said.
    let repeated: [Int]

    /// `allowsNames`: lines with a name are passed over instead of refused; this folder's own file has them.
    init(reading path: String, allowsNames: Bool) throws {
        var text = try Self.text(of: path)[...]
        if text.starts(with: [0xef, 0xbb, 0xbf]) { text = text.dropFirst(3) }
        var entries: [Entry] = []
        var repeated: [Int] = []
        for (index, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            let parsed: IdentifierLine?
            do { parsed = try IdentifierLine(line, number: number) } catch {
                throw UnusableFile(
                    path: path, reason: "\(error)", hint: "mend that line in an editor; nothing has been changed")
            }
            guard let parsed else { continue }
            guard parsed.name == nil else {
                if allowsNames { continue }
                throw UnusableFile(
                    path: path, reason: "line \(number) has a name: this is no file of the old system",
                    hint: "import takes bare ids; for Pis of another deployment make new ones: provision new-pi")
            }
            if entries.contains(where: { $0.secret == parsed.secret }) {
                repeated.append(number)
            } else {
                entries.append(Entry(line: number, secret: parsed.secret))
            }
        }
        self.entries = entries
        self.repeated = repeated
    }

    private static func text(of path: String) throws -> [UInt8] {
        do throws(SystemCallError) {
            return try readFile(path, limit: 8 << 20)
        } catch {
            let hint: String? =
                switch error.code {
                case ENOENT, ENOTDIR: "give the path of the old system's ids.txt"
                case EISDIR: "give the file in it: \(path)/ids.txt"
                case EFBIG: "an ids.txt has at most 8 MiB: is it the right file?"
                // What readFile throws for a pipe or a device.
                case EINVAL: "it is no regular file: write the ids into one, then give that"
                default: nil
                }
            guard let hint else { throw error }
            throw CommandFailure(
                error.description, hint: hint,
                exitCode: error.code == ENOENT ? .noInput : .dataError)
        }
    }
}
