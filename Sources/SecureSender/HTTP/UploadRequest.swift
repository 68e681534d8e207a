import MessageSignatures
import OpenSSL
import UploadProtocol

/// The head of a request, signed for one moment.
struct UploadRequest {
    let method: String
    /// Percent-encoded.
    let path: String
    let contentLength: Int64
    let contentDigest: SHA256Digest
    /// Beside those that every request has, in their order.
    private let fields: [(name: String, value: String)]

    /// Changes nothing; its answer is a ReceiverStatus.
    static var status: UploadRequest {
        UploadRequest(method: "GET", path: MessagePath.status, contentLength: 0, contentDigest: .ofNothing, fields: [])
    }

    private init(
        method: String, path: String, contentLength: Int64, contentDigest: SHA256Digest,
        fields: [(name: String, value: String)]
    ) {
        self.method = method
        self.path = path
        self.contentLength = contentLength
        self.contentDigest = contentDigest
        self.fields = fields
    }

    init(_ exchange: Exchange, pi: PiName) {
        let file = exchange.file
        contentLength = exchange.bodySize
        contentDigest = exchange.bodyDigest
        let modified = Self.lastModified(file).map { [("Last-Modified", $0)] } ?? []
        switch exchange.request {
        case .put:
            (method, path) = ("PUT", MessagePath.file(file.path))
            fields = modified
        case .announce:
            (method, path) = ("POST", MessagePath.file(file.path))
            fields =
                [
                    (ResumableUpload.completeField, ResumableUpload.boolean(false)),
                    (ResumableUpload.lengthField, "\(file.size)"),
                    (ResumableUpload.digestField, ContentDigest.fieldValue(file.digest)),
                ] + modified
        case .part(let part):
            (method, path) = ("PATCH", MessagePath.upload(file.uploadID(of: pi)))
            fields = [
                ("Content-Type", ResumableUpload.mediaType), (ResumableUpload.offsetField, "\(part.offset)"),
                (ResumableUpload.completeField, ResumableUpload.boolean(part.isLast)),
            ]
        }
    }

    /// `created`: seconds since 1970.
    func signed(authority: String, pi: PiName, secret: PiSecret, created: Int64) -> [UInt8] {
        let digest = ContentDigest.fieldValue(contentDigest)
        var values: [CoveredComponent: String] = [
            .method: method, .authority: authority, .path: path, .contentDigest: digest,
        ]
        var components = UploadSignature.components
        for (name, value) in fields where UploadSignature.mustCover(name.lowercased()) {
            let component = CoveredComponent(name.lowercased())
            components.append(component)
            values[component] = value
        }
        let parameters = UploadSignature.parameters(components: components, created: created, pi: pi)
        guard let base = try? SignatureBase(parameters, value: { values[$0] }) else {
            preconditionFailure("an upload's components are all there, each once, without newlines")
        }
        let code = HMACSHA256.authenticationCode(for: base.bytes, key: secret.key)
        var lines = ["\(method) \(path) HTTP/1.1", "Host: \(authority)", "Content-Length: \(contentLength)"]
        lines.append("Content-Digest: \(digest)")
        lines += fields.map { "\($0.name): \($0.value)" }
        lines.append("Signature-Input: \(UploadSignature.label)=\(parameters.serialized)")
        lines.append("Signature: \(UploadSignature.label)=\(ByteSequence.serialize(code))")
        return Array((lines + ["", ""]).joined(separator: "\r\n").utf8)
    }

    /// What a receipt that answers it is bound to.
    func receiptContext(status: Int, authority: String) -> ReceiptSignature.Context {
        .init(status: status, method: method, authority: authority, path: path, requestDigest: contentDigest)
    }

    /// `nil` for a time that an HTTP date cannot say.
    private static func lastModified(_ file: OutgoingFile) -> String? {
        let date = HTTPDate.format(file.fingerprint.modified.seconds)
        return HTTPDate.parse(date) == nil ? nil : date
    }
}

extension OutgoingFile {
    /// Names it among the uploads in parts.
    func uploadID(of pi: PiName) -> UploadID { UploadID(pi: pi, path: path, digest: digest, size: size) }
}
