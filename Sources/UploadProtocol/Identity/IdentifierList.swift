/// What `ids.txt` says: one secret a line, and behind it the name of the Pi that it belongs to.
///
/// Blank lines and lines that begin with `#` are for people. A line without a name is of the old format.
package struct IdentifierList: Sendable {
    package static let mostBareSecrets = 64

    /// Two secrets of one name are both valid: that is how a secret is changed.
    package let named: [PiName: [PiSecret]]
    /// Of lines without a name: each serves any Pi that has no line of its own.
    package let bare: [PiSecret]

    /// `text`: the file's bytes; Windows line ends and a byte order mark are passed over. `mostBareSecrets`: more of them
    /// are an error.
    package init(
        parsing text: [UInt8], mostBareSecrets: Int = Self.mostBareSecrets
    ) throws(IdentifierListError) {
        var named: [PiName: [PiSecret]] = [:]
        var bare: [PiSecret] = []
        let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]
        let body = text.starts(with: byteOrderMark) ? text[3...] : text[...]
        for (index, line) in body.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            guard let entry = try IdentifierLine(line, number: index + 1) else { continue }
            if let name = entry.name {
                named[name, default: []].append(entry.secret)
            } else {
                bare.append(entry.secret)
            }
        }
        guard bare.count <= mostBareSecrets else { throw .tooManyBareSecrets(bare.count) }
        self.named = named
        self.bare = bare
    }

    /// Of all names and of none.
    package var secretCount: Int { named.values.reduce(bare.count) { $0 + $1.count } }

    /// The secrets that may have signed for `name`; empty if there is none.
    package func secrets(for name: PiName) -> [PiSecret] {
        named[name] ?? bare
    }
}

/// One line of `ids.txt` that holds a secret.
package struct IdentifierLine: Equatable, Sendable {
    package let secret: PiSecret
    package let name: PiName?

    /// `nil` for a line that holds no secret: a blank one, or one for people. `number`: for the error, 1 is the first.
    package init?(_ line: ArraySlice<UInt8>, number: Int) throws(IdentifierListError) {
        let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
        guard let first = words.first, first.first != UInt8(ascii: "#") else { return nil }
        guard let secret = PiSecret(first) else { throw .badSecret(line: number) }
        guard words.count <= 2 else { throw .tooManyWords(line: number) }
        self.secret = secret
        if words.count == 2 {
            guard let name = PiName(String(decoding: words[1], as: UTF8.self)) else { throw .badName(line: number) }
            self.name = name
        } else {
            name = nil
        }
    }
}

/// What is wrong with `ids.txt`, and where; never what the line says, because that may be a secret.
package enum IdentifierListError: Error, Hashable, Sendable, CustomStringConvertible {
    case badSecret(line: Int)
    case badName(line: Int)
    case tooManyWords(line: Int)
    case tooManyBareSecrets(Int)

    package var description: String {
        switch self {
        case .badSecret(let line):
            "line \(line) does not begin with a secret of 16 to 128 hexadecimal digits"
        case .badName(let line):
            "line \(line) has a name that is not 1 to 63 of a-z, 0-9 and inner hyphens"
        case .tooManyWords(let line):
            "line \(line) has more than a secret and a name"
        case .tooManyBareSecrets(let count):
            "\(count) lines have no name, more than \(IdentifierList.mostBareSecrets)"
        }
    }
}
