import CommandSupport
import Files
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
        var text = try readFile(path, limit: 8 << 20)[...]
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
}
