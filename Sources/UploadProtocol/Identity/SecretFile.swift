package import OpenSSL

/// `secret.py`, the file that the old sender imported: `secret='<hex>'`.
package enum SecretFile {
    /// The secret of the first line of the form `secret='…'`, with either quote; `nil` if there is none of hex digits.
    package static func parse(_ text: [UInt8]) -> PiSecret? {
        for line in text.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
            let line = line.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
            guard line.starts(with: "secret=".utf8) else { continue }
            let value = line.dropFirst("secret=".utf8.count)
            guard let quote = value.first, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\""),
                let end = value.dropFirst().firstIndex(of: quote)
            else { return nil }
            let rest = value[(end + 1)...]
            guard rest.isEmpty || rest.first == UInt8(ascii: "#") else { return nil }
            return PiSecret(value[(value.startIndex + 1)..<end])
        }
        return nil
    }

    package static func contents(_ secret: PiSecret) -> SecureBytes {
        secret.key.withUnsafeBytes { SecureBytes(copyOf: Array("secret='".utf8) + $0 + Array("'\n".utf8)) }
    }
}
