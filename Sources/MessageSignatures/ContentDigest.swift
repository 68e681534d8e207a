package import OpenSSL

/// The value of `Content-Digest` and `Repr-Digest` (RFC 9530) with SHA-256 alone.
package enum ContentDigest {
    package static let sha256Key = "sha-256"

    package static func fieldValue(_ digest: SHA256Digest) -> String {
        "\(sha256Key)=\(ByteSequence.serialize(digest.bytes))"
    }

    /// Reads exactly what `fieldValue` writes; `nil` for anything else.
    package static func parse(fieldValue: some StringProtocol) -> SHA256Digest? {
        let prefix = "\(sha256Key)="
        guard fieldValue.hasPrefix(prefix) else { return nil }
        return ByteSequence.parse(fieldValue.dropFirst(prefix.count)).flatMap { SHA256Digest($0) }
    }
}
