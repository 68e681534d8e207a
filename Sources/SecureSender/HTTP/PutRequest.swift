import MessageSignatures
import OpenSSL
import UploadProtocol

/// The head of a `PUT`, signed for one moment.
struct PutRequest {
    static let method = "PUT"

    let bytes: [UInt8]

    /// `created`: seconds since 1970.
    init(_ file: OutgoingFile, authority: String, pi: PiName, secret: PiSecret, created: Int64) {
        let path = MessagePath.file(file.path)
        let digest = ContentDigest.fieldValue(file.digest)
        var values: [CoveredComponent: String] = [
            .method: Self.method, .authority: authority, .path: path, .contentDigest: digest,
        ]
        var components = UploadSignature.components
        let modified = Self.lastModified(file)
        if let modified {
            components.append(.lastModified)
            values[.lastModified] = modified
        }
        let parameters = UploadSignature.parameters(components: components, created: created, pi: pi)
        guard let base = try? SignatureBase(parameters, value: { values[$0] }) else {
            preconditionFailure("an upload's components are all there, each once, without newlines")
        }
        let code = HMACSHA256.authenticationCode(for: base.bytes, key: secret.key)
        var lines = ["\(Self.method) \(path) HTTP/1.1", "Host: \(authority)", "Content-Length: \(file.size)"]
        lines.append("Content-Digest: \(digest)")
        if let modified { lines.append("Last-Modified: \(modified)") }
        lines.append("Signature-Input: \(UploadSignature.label)=\(parameters.serialized)")
        lines.append("Signature: \(UploadSignature.label)=\(ByteSequence.serialize(code))")
        bytes = Array((lines + ["", ""]).joined(separator: "\r\n").utf8)
    }

    /// `nil` for a time that an HTTP date cannot say.
    private static func lastModified(_ file: OutgoingFile) -> String? {
        let date = HTTPDate.format(file.fingerprint.modified.seconds)
        return HTTPDate.parse(date) == nil ? nil : date
    }
}

extension CoveredComponent {
    fileprivate static let lastModified = Self("last-modified")
}
