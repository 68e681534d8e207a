package import OpenSSL

/// A Pi's secret: 16 to 128 hexadecimal digits. It is shown only by what writes it to its file.
package struct PiSecret: Equatable, Sendable, CustomStringConvertible {
    package static let digitCounts = 16...128

    /// The ASCII bytes of the lower-case digits: what HMAC takes as its key.
    package let key: SecureBytes

    /// `nil` unless there are 16 to 128 hexadecimal digits; upper case reads as lower case.
    package init?(_ digits: some Collection<UInt8>) {
        guard Self.digitCounts.contains(digits.count), digits.allSatisfy(isHexDigit) else { return nil }
        // 'A' to 'F' differ from 'a' to 'f' in this bit; digits have it set.
        key = SecureBytes(copyOf: digits.map { $0 | 0x20 })
    }

    /// A new one from the system's random source. `bits`: 64 by default, a multiple of 8.
    package init(randomBits bits: Int = 64) throws(OpenSSLError) {
        let random = try SecureBytes(randomCount: bits / 8)
        key = random.withUnsafeBytes { SecureBytes(copyOf: encodeHex($0).utf8) }
    }

    package var description: String { "<secret>" }
}

private func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
        UInt8(ascii: "A")...UInt8(ascii: "F"):
        true
    default: false
    }
}
