package import MessageSignatures

/// The signature that every request under /v1 carries (RFC 9421, `hmac-sha256`).
package enum UploadSignature {
    package static let label = "sig"
    package static let tag = "secure-upload"
    package static let algorithm = "hmac-sha256"
    /// The least that a request's signature covers.
    package static let components: [CoveredComponent] = [.method, .authority, .path, .contentDigest]
    /// Seconds by which `created` may differ from the receiver's clock.
    package static let defaultTolerance: Int64 = 300

    /// Whether a field, by its lower-case name, must be covered if it is present.
    package static func mustCover(_ field: String) -> Bool {
        field == "repr-digest" || field == "last-modified" || field.hasPrefix("upload-")
    }

    /// `created`: seconds since 1970.
    package static func parameters(
        components: [CoveredComponent] = components, created: Int64, pi: PiName
    ) -> SignatureParameters {
        SignatureParameters(
            components: components,
            parameters: [
                .init("created", .integer(created)), .init("keyid", .string(pi.text)), .init("alg", .string(algorithm)),
                .init("tag", .string(tag)),
            ])
    }
}
