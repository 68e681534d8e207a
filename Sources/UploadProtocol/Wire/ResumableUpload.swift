/// The wire of uploads in parts: draft-ietf-httpbis-resumable-upload-11, as docs/protocol.md narrows it down.
package enum ResumableUpload {
    /// Of the body of a part.
    package static let mediaType = "application/partial-upload"
    /// Bytes; files above are better sent in this way.
    package static let defaultThreshold: Int64 = 4 << 20
    /// Bytes; of a file above that was sent whole and cut off, the receiver keeps what came. Less is not worth the announcement.
    package static let defaultKeptAbove: Int64 = 64 << 10

    package static let completeField = "Upload-Complete"
    package static let offsetField = "Upload-Offset"
    package static let lengthField = "Upload-Length"
    package static let limitField = "Upload-Limit"
    package static let digestField = "Repr-Digest"

    /// Seconds for which the upload is kept if nothing comes, in `Upload-Limit`.
    package static let maxAgeKey = "max-age"
    /// Bytes of the largest file that is taken, in `Upload-Limit`.
    package static let maxSizeKey = "max-size"

    /// A boolean of structured fields (RFC 9651, section 3.3.6).
    package static func boolean(_ value: Bool) -> String { value ? "?1" : "?0" }
}
