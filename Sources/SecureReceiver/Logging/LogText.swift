/// Text from elsewhere in a line of the log: nothing in it can end the line, move a terminal's cursor, turn the text around,
/// or pass for another field. All is written as in a JSON string (RFC 8259, section 7), in quotation marks or without.
enum LogText {
    static func append(quoted text: String, to line: inout [UInt8]) {
        line.append(UInt8(ascii: "\""))
        append(escaped: text, to: &line)
        line.append(UInt8(ascii: "\""))
    }

    /// Without quotation marks where nobody can miss them.
    static func append(word text: String, to line: inout [UInt8]) {
        let isWord = { (byte: UInt8) in
            (0x21...0x7e).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
                && byte != UInt8(ascii: "=")
        }
        if !text.isEmpty, text.utf8.allSatisfy(isWord) {
            line += text.utf8
        } else {
            append(quoted: text, to: &line)
        }
    }

    static func append(escaped text: String, to line: inout [UInt8]) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": line += [UInt8(ascii: "\\"), UInt8(scalar.value)]
            case "\n": line += "\\n".utf8
            case " "..."~": line.append(UInt8(scalar.value))
            default:
                if isHidden(scalar) {
                    for unit in scalar.utf16 { line += "\\u\(fourDigits(unit))".utf8 }
                } else {
                    line += String(scalar).utf8
                }
            }
        }
    }

    /// What shows nothing and does something: controls, overrides of the direction, other ends of lines, tags.
    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    private static func fourDigits(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}
