import FoundationEssentials
package import OpenSSL

/// What the receiver states when it holds a file: the body of its answer.
package struct Receipt: Codable, Hashable, Sendable {
    package static let contentType = "application/json"

    package enum Result: String, Codable, Sendable {
        /// The name was new.
        case created
        /// The name was there; it now has this content, and the earlier one is kept as a version.
        case replaced
        /// This content was already held under this name, now or as an earlier version.
        case unchanged
    }

    package let pi: String
    package let path: String
    /// Bytes.
    package let size: Int64
    /// 64 lower-case hexadecimal digits.
    package let sha256: String
    /// RFC 3339, UTC.
    package let received: String
    package let result: Result

    /// `received`: seconds since 1970.
    package init(pi: PiName, path: UploadPath, size: Int64, digest: SHA256Digest, received: Int64, result: Result) {
        self.pi = pi.text
        self.path = path.description
        self.size = size
        self.sha256 = digest.hex
        self.received = HTTPDate.formatInternet(received)
        self.result = result
    }

    /// On one line.
    package var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { preconditionFailure("strings and a number are always JSON") }
        return String(decoding: data, as: UTF8.self)
    }

    /// Throws DecodingError if `json` is no receipt.
    package init(json: some StringProtocol) throws {
        self = try JSONDecoder().decode(Receipt.self, from: Data(json.utf8))
    }
}
