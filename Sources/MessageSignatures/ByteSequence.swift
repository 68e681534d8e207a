import FoundationEssentials

/// A byte sequence of structured fields: base64 between colons (RFC 9651, section 3.3.5).
package enum ByteSequence {
    package static func serialize(_ bytes: [UInt8]) -> String {
        ":\(Data(bytes).base64EncodedString()):"
    }

    /// `nil` for anything but the one canonical encoding of some bytes.
    package static func parse(_ text: some StringProtocol) -> [UInt8]? {
        guard text.utf8.count >= 2, text.hasPrefix(":"), text.hasSuffix(":"),
            let data = Data(base64Encoded: String(text.dropFirst().dropLast()))
        else { return nil }
        let bytes = Array(data)
        return serialize(bytes) == text ? bytes : nil
    }
}
