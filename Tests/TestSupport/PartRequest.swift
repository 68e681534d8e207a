import Foundation
import MessageSignatures
import OpenSSL
package import UploadProtocol

extension UploadRequest {
    /// Begins an upload in parts of `body`, or asks how far it got.
    package static func announcing(
        _ body: [UInt8], pi: String = "pi-01", secret: PiSecret, path: String
    ) -> UploadRequest {
        var request = UploadRequest(pi: pi, secret: secret, path: path, body: [])
        request.method = "POST"
        request.add(ResumableUpload.completeField, "?0")
        request.add(ResumableUpload.lengthField, "\(body.count)")
        request.add(ResumableUpload.digestField, ContentDigest.fieldValue(SHA256.digest(of: body)))
        return request
    }

    /// The bytes of the whole from `offset` on.
    package static func part(
        _ body: [UInt8], of location: String, pi: String = "pi-01", secret: PiSecret, offset: Int, isLast: Bool
    ) -> UploadRequest {
        var request = UploadRequest(pi: pi, secret: secret, path: "", body: body)
        request.method = "PATCH"
        request.target = location
        request.fields.append(("Content-Type", ResumableUpload.mediaType))
        request.add(ResumableUpload.offsetField, "\(offset)")
        request.add(ResumableUpload.completeField, ResumableUpload.boolean(isLast))
        return request
    }

    /// `HEAD` or `DELETE`.
    package static func about(
        _ location: String, method: String, pi: String = "pi-01", secret: PiSecret
    ) -> UploadRequest {
        var request = UploadRequest(pi: pi, secret: secret, path: "", body: [])
        request.method = method
        request.target = location
        request.contentLength = nil
        return request
    }

    /// A field that the signature covers.
    package mutating func add(_ name: String, _ value: String) {
        fields.append((name, value))
        components.append(CoveredComponent(name.lowercased()))
    }

    /// Another value for a field that the signature covers; none at all if `nil`.
    package mutating func replace(_ name: String, _ value: String?) {
        fields.removeAll { $0.name == name }
        components.removeAll { $0.name == name.lowercased() }
        if let value { add(name, value) }
    }
}
