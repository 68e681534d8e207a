package import OpenSSL

/// Names a resumable upload. It follows from what is uploaded, so that a sender that lost its memory finds its upload again,
/// and so that whoever has a receipt can check that the request was about that file.
package struct UploadID: Hashable, Sendable, CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    package let hex: String

    /// `digest`, `size`: of the whole file; the size in bytes.
    package init(pi: PiName, path: UploadPath, digest: SHA256Digest, size: Int64) {
        // No part can hold a newline.
        hex = SHA256.digest(of: Array("\(pi)\n\(path)\n\(digest)\n\(size)\n".utf8)).hex
    }

    /// `nil` unless there are exactly 64 lower-case hexadecimal digits.
    package init?(_ text: some StringProtocol) {
        guard let digest = SHA256Digest(hex: text) else { return nil }
        hex = digest.hex
    }

    package var description: String { hex }
}
