/// A Pi's name: one lower-case DNS label (RFC 1123, section 2.1), 1 to 63 characters of a–z, 0–9 and inner hyphens.
package struct PiName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    /// `nil` if `text` is no such label.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard (1...63).contains(bytes.count), bytes.first != hyphen, bytes.last != hyphen,
            bytes.allSatisfy({ isLowerAlphanumeric($0) || $0 == hyphen })
        else { return nil }
        self.text = String(text)
    }

    package var description: String { text }

    package static func < (left: PiName, right: PiName) -> Bool { left.text < right.text }
}

private let hyphen = UInt8(ascii: "-")

func isLowerAlphanumeric(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}
