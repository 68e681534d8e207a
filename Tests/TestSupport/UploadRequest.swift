import Foundation
package import MessageSignatures
import OpenSSL
package import UploadProtocol

/// A signed upload that a receiver accepts; a test changes one part of it and sees it refused.
package struct UploadRequest: Sendable {
    package var method = "PUT"
    package var target: String
    package var host = "127.0.0.1"
    package var body: [UInt8]
    package var label = "sig"
    package var components = UploadSignature.components
    package var contentDigest: String
    package var contentLength: String?
    package var parameters: [SignatureParameters.Parameter]
    package var secret: PiSecret
    package var fields: [(name: String, value: String)] = []
    /// What somebody on the way does to the head after it was signed.
    package var rewriteHead: @Sendable (String) -> String = { $0 }

    package init(pi: String, secret: PiSecret, path: String, body: [UInt8]) {
        target = "/v1/files/\(path)"
        self.body = body
        contentDigest = ContentDigest.fieldValue(SHA256.digest(of: body))
        contentLength = String(body.count)
        parameters =
            UploadSignature.parameters(
                created: Int64(Date().timeIntervalSince1970), pi: PiName(pi) ?? PiName("unnamed")!
            ).parameters
        self.secret = secret
    }

    package mutating func set(_ key: String, _ value: SignatureParameters.Value?) {
        parameters.removeAll { $0.key == key }
        if let value { parameters.append(.init(key, value)) }
    }

    /// The head as it goes over the wire, with its blank line.
    package var head: String {
        let signature = ByteSequence.serialize(HMACSHA256.authenticationCode(for: base(signed).utf8, key: secret.key))
        var lines = ["\(method) \(target) HTTP/1.1", "Host: \(host)"]
        if let contentLength { lines.append("Content-Length: \(contentLength)") }
        if !contentDigest.isEmpty { lines.append("Content-Digest: \(contentDigest)") }
        lines += fields.map { "\($0.name): \($0.value)" }
        lines.append("Signature-Input: \(label)=\(signed.serialized)")
        lines.append("Signature: \(label)=\(signature)")
        return rewriteHead(lines.joined(separator: "\r\n") + "\r\n\r\n")
    }

    /// The value of the label in Signature-Input.
    package var parametersText: String { signed.serialized }

    private var signed: SignatureParameters { SignatureParameters(components: components, parameters: parameters) }

    package var bytes: [UInt8] { Array(head.utf8) + body }

    private func base(_ signed: SignatureParameters) -> String {
        var lines = signed.components.map { component in
            let value =
                switch component.name {
                case "@method": method
                case "@authority": host.lowercased()
                case "@path": target
                case "content-digest": contentDigest
                default: fields.filter { $0.name.lowercased() == component.name }.map(\.value).joined(separator: ", ")
                }
            return "\(component.identifier): \(value)"
        }
        lines.append("\"@signature-params\": \(signed.serialized)")
        return lines.joined(separator: "\n")
    }
}
