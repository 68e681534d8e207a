/// What of TOML can stand in settings: names and values in lines, and as values texts, numbers, true and false, and lists of
/// these. The rest is refused before it is parsed: where tables and times are half written, toml++ 3.4 fails an assertion and
/// aborts.
enum PlainTOML {
    struct Doubt: Error, Hashable {
        /// From 1 on.
        let line: Int
        let words: String
    }

    private static let punctuation = Set("_-=[],.+ \t\r\n".utf8)
    private static let letters = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)

    static func check(_ text: String) throws(Doubt) {
        var bytes = Array(text.utf8)[...]
        // The mark with which some editors begin a file.
        if bytes.starts(with: "\u{feff}".utf8) { bytes = bytes.dropFirst(3) }
        var line = 1
        var isLineBegun = false
        var isComment = false
        var quote: UInt8?
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: "\n") {
                line += 1
                (isLineBegun, isComment) = (false, false)
            } else if !isLineBegun, (0x21...0x7e).contains(byte) {
                isLineBegun = true
                // Of a table.
                if byte == UInt8(ascii: "[") { throw Doubt(line: line, words: "begins with a bracket") }
            }
            if isComment { continue }
            if let open = quote {
                if byte == open { quote = nil }
                if byte == UInt8(ascii: "\\"), open == UInt8(ascii: "\"") { _ = bytes.popFirst() }
                continue
            }
            switch byte {
            case UInt8(ascii: "#"): isComment = true
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                if bytes.starts(with: [byte, byte]) { throw Doubt(line: line, words: "has three quotes in a row") }
                quote = byte
            case UInt8(ascii: "0")...UInt8(ascii: "9") where bytes.first == UInt8(ascii: "-"):
                throw Doubt(line: line, words: "has a date outside of quotes")
            case _ where !letters.contains(byte) && !punctuation.contains(byte):
                let character = byte < 0x80 ? "'\(Character(Unicode.Scalar(byte)))'" : "a character"
                throw Doubt(line: line, words: "has \(character) outside of quotes")
            default: break
            }
        }
    }
}
