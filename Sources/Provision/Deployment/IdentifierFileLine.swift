import OpenSSL
import UploadProtocol

/// One line of `ids.txt` with its line end, and what it says to `provision`.
///
/// A Pi that is shut out keeps its line as a comment, in its place: the receiver passes over comments, the file holds
/// secrets anyway, and one rename makes or unmakes the change.
struct IdentifierFileLine: Equatable {
    enum Meaning: Equatable {
        /// Counts.
        case active(IdentifierLine)
        /// `# revoked 2026-07-31: <the line>`
        case revoked(IdentifierLine, day: String)
        /// `# imported 2026-07-31: <secret> <name>`: an old identifier, and what became of it.
        case imported(IdentifierLine)
        /// Blank, or for people.
        case other
    }

    private(set) var bytes: [UInt8]
    let meaning: Meaning

    /// `bytes`: with the line end.
    init(bytes: [UInt8]) {
        self.bytes = bytes
        meaning = Self.meaning(of: bytes)
    }

    init(_ secret: PiSecret, for pi: PiName, newline: [UInt8]) {
        self.init(bytes: secret.key.withUnsafeBytes(Array.init) + Array(" \(pi)".utf8) + newline)
    }

    /// `text`: one that parses, without its byte order mark.
    static func all(in text: ArraySlice<UInt8>) -> [IdentifierFileLine] {
        var lines: [IdentifierFileLine] = []
        var rest = text
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? rest.endIndex
            lines.append(IdentifierFileLine(bytes: Array(rest[..<end])))
            rest = rest[end...]
        }
        return lines
    }

    var entry: IdentifierLine? {
        switch meaning {
        case .active(let entry), .revoked(let entry, _), .imported(let entry): entry
        case .other: nil
        }
    }

    func isActive(of pi: PiName) -> Bool {
        if case .active(let entry) = meaning { entry.name == pi } else { false }
    }

    func isRevoked(of pi: PiName) -> Bool {
        if case .revoked(let entry, _) = meaning { entry.name == pi } else { false }
    }

    /// `day`: as `2026-07-31`.
    func revoked(on day: String) -> IdentifierFileLine {
        IdentifierFileLine(bytes: Array("\(Self.revokedMark)\(day): ".utf8) + bytes)
    }

    /// The line as it was before `revoked(on:)`.
    func restored() -> IdentifierFileLine {
        IdentifierFileLine(bytes: Self.marked(bytes, Self.revokedMark).map { Array($0.rest) } ?? bytes)
    }

    /// For an active line without a name: what remembers that it is `pi` now.
    func imported(as pi: PiName, on day: String) -> IdentifierFileLine {
        guard let secret = entry?.secret else { return self }
        let lineEnd = bytes.reversed().prefix { $0 == 10 || $0 == 13 }.reversed()
        return IdentifierFileLine(bytes: Array(Self.imported(secret, as: pi, on: day).utf8) + lineEnd)
    }

    /// The same without a line end, for an id of another file.
    static func imported(_ secret: PiSecret, as pi: PiName, on day: String) -> String {
        let digits = secret.key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        return "\(importedMark)\(day): \(digits) \(pi)"
    }

    mutating func end(with newline: [UInt8]) {
        if bytes.last != 10 { bytes += newline }
    }

    private static let revokedMark = "# revoked "
    private static let importedMark = "# imported "

    private static func meaning(of bytes: [UInt8]) -> Meaning {
        if let entry = entry(of: bytes[...]) { return .active(entry) }
        if let (day, rest) = marked(bytes, revokedMark), let entry = entry(of: rest), entry.name != nil {
            return .revoked(entry, day: day)
        }
        if let (_, rest) = marked(bytes, importedMark), let entry = entry(of: rest), entry.name != nil {
            return .imported(entry)
        }
        return .other
    }

    private static func entry(of bytes: ArraySlice<UInt8>) -> IdentifierLine? {
        let end = bytes.last == 10 ? bytes.dropLast() : bytes
        return (try? IdentifierLine(end, number: 1)) ?? nil
    }

    /// The day and what stands behind it, if the line begins with `mark`.
    private static func marked(_ bytes: [UInt8], _ mark: String) -> (day: String, rest: ArraySlice<UInt8>)? {
        let rest = bytes.dropFirst(mark.utf8.count)
        let day = rest.prefix("2026-07-31".utf8.count)
        guard bytes.starts(with: mark.utf8), day.count == 10,
            day.allSatisfy({ $0 == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            rest.dropFirst(10).starts(with: ": ".utf8)
        else { return nil }
        return (String(decoding: day, as: UTF8.self), rest.dropFirst(12))
    }
}
