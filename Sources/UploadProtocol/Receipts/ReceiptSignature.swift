package import MessageSignatures
package import OpenSSL

/// The receiver's signature over a receipt and the request that it answers, with its certificate's key, so that it proves
/// something to a third party as well (RFC 9421, `ecdsa-p256-sha256`).
package enum ReceiptSignature {
    package static let label = "receipt"
    package static let tag = "secure-receipt"
    package static let algorithm = "ecdsa-p256-sha256"
    package static let components: [CoveredComponent] = [
        .status, .contentType, .contentDigest, .method.fromRequest, .authority.fromRequest, .path.fromRequest,
        .contentDigest.fromRequest,
    ]

    /// What of the request and the answer a receipt is bound to.
    package struct Context: Hashable, Sendable {
        package var status: Int
        package var method: String
        package var authority: String
        /// Percent-encoded, as in the request target.
        package var path: String
        /// Of the request's body.
        package var requestDigest: SHA256Digest

        package init(status: Int, method: String, authority: String, path: String, requestDigest: SHA256Digest) {
            self.status = status
            self.method = method
            self.authority = authority
            self.path = path
            self.requestDigest = requestDigest
        }
    }

    /// `created`: seconds since 1970. `certificate`: the fingerprint of the certificate whose key signs.
    package static func parameters(created: Int64, certificate: SHA256Digest) -> SignatureParameters {
        SignatureParameters(
            components: components,
            parameters: [
                .init("created", .integer(created)), .init("keyid", .string(certificate.hex)),
                .init("alg", .string(algorithm)), .init("tag", .string(tag)),
            ])
    }

    /// `json`: the answer's body.
    package static func base(_ parameters: SignatureParameters, json: String, context: Context) -> SignatureBase {
        let values: [CoveredComponent: String] = [
            .status: String(context.status),
            .contentType: Receipt.contentType,
            .contentDigest: ContentDigest.fieldValue(SHA256.digest(of: Array(json.utf8))),
            .method.fromRequest: context.method,
            .authority.fromRequest: context.authority,
            .path.fromRequest: context.path,
            .contentDigest.fromRequest: ContentDigest.fieldValue(context.requestDigest),
        ]
        guard let base = try? SignatureBase(parameters, value: { values[$0] }) else {
            preconditionFailure("a receipt's components are all there, each once, without newlines")
        }
        return base
    }

    /// Reads exactly the `Signature-Input` that `parameters(created:certificate:)` gives, with the one label: the protocol
    /// fixes every byte but `created` and `keyid`. `nil` for anything else.
    package static func parse(signatureInput: String) -> SignatureParameters? {
        let prefix = "\(label)=(\(components.map(\.identifier).joined(separator: " ")));created="
        guard signatureInput.hasPrefix(prefix) else { return nil }
        let rest = signatureInput.dropFirst(prefix.count)
        guard let created = Int64(rest.prefix { $0 != ";" }), let quote = rest.firstIndex(of: "\""),
            let certificate = SHA256Digest(hex: rest[rest.index(after: quote)...].prefix(64))
        else { return nil }
        let parameters = parameters(created: created, certificate: certificate)
        // By bytes: two strings that differ in their bytes can be equal to Swift (U+037E and `;`).
        return signatureInput.utf8.elementsEqual("\(label)=\(parameters.serialized)".utf8) ? parameters : nil
    }

    /// Reads exactly `receipt=:…:`; `nil` for anything else.
    package static func parse(signature: String) -> [UInt8]? {
        guard signature.hasPrefix("\(label)=") else { return nil }
        return ByteSequence.parse(signature.dropFirst(label.count + 1))
    }
}
