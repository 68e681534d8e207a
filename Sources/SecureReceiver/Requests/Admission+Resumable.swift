import HTTPTypes
import OpenSSL
import UploadProtocol
import UploadStore

/// A request about an upload in parts that has no body.
enum AdmittedQuestion: Sendable {
    /// POST: begin it, or say how far it got.
    case announce(AnnouncedFile, ReceiptSignature.Context)
    /// HEAD.
    case status(PartialKey)
    /// DELETE.
    case cancel(PartialKey)

    var key: PartialKey {
        switch self {
        case .announce(let file, _): PartialKey(file)
        case .status(let key), .cancel(let key): key
        }
    }
}

/// A part of an upload that may go ahead if the upload is there and waits for it.
struct AdmittedPart: Sendable {
    let key: PartialKey
    /// Bytes of the whole before it.
    let offset: Int64
    /// Bytes.
    let size: Int64
    let isLast: Bool
    let digest: SHA256Digest
    let context: ReceiptSignature.Context
}

extension Admission {
    func announcement(_ request: VerifiedRequest) throws(Refusal) -> AdmittedQuestion {
        let head = request.head
        let path = try Self.path(head)
        try Self.checkNoContentCoding(head.fields)
        try Self.checkNoBody(request)
        let fields = UploadFields(head.fields)
        guard fields.isComplete == false else {
            throw Refusal(.malformedRequest, "POST begins an upload in parts and says Upload-Complete: ?0.")
        }
        guard let size = fields.length else {
            throw Refusal(.lengthRequired, "An upload in parts states the file's size in Upload-Length.")
        }
        guard let digest = head.fields[.reprDigest].flatMap({ ContentDigestField.sha256($0) }) else {
            throw Refusal(.malformedRequest, "An upload in parts needs the whole file's sha-256 in Repr-Digest.")
        }
        try checkSize(size)
        let file = AnnouncedFile(
            pi: request.pi, path: path, size: size, digest: digest, modified: try Self.modified(head.fields))
        return .announce(file, request.context)
    }

    func part(_ request: VerifiedRequest) throws(Refusal) -> AdmittedPart {
        let head = request.head
        let key = try Self.key(request)
        try Self.checkNoContentCoding(head.fields)
        let mediaType = head.fields[.contentType]?.prefix { $0 != ";" && $0 != " " }.lowercased()
        guard mediaType == ResumableUpload.mediaType else {
            throw Refusal(.mediaType, "A part of an upload has the Content-Type \(ResumableUpload.mediaType).")
        }
        let size = try Self.length(head)
        let fields = UploadFields(head.fields)
        guard let offset = fields.offset, let isLast = fields.isComplete else {
            throw Refusal(.malformedRequest, "A part of an upload needs Upload-Offset and Upload-Complete.")
        }
        return AdmittedPart(
            key: key, offset: offset, size: size, isLast: isLast, digest: request.digest, context: request.context)
    }

    func question(_ request: VerifiedRequest) throws(Refusal) -> AdmittedQuestion {
        let key = try Self.key(request)
        try Self.checkNoBody(request)
        return request.head.method == "HEAD" ? .status(key) : .cancel(key)
    }

    private static func key(_ request: VerifiedRequest) throws(Refusal) -> PartialKey {
        guard let id = UploadID(request.head.path.dropFirst(MessagePath.uploads.count)) else { throw .noSuchUpload }
        return PartialKey(pi: request.pi, id: id)
    }

    static func checkNoBody(_ request: VerifiedRequest) throws(Refusal) {
        guard request.head.body == .length(0) else {
            throw Refusal(
                .malformedRequest, "This request has no body; a file's bytes come with PUT or PATCH.")
        }
        guard request.digest == .ofNothing else {
            throw Refusal(.digestMismatch, "The body's SHA-256 is not the one in Content-Digest.")
        }
    }
}

extension Refusal {
    /// An upload of another Pi is none either.
    static let noSuchUpload = Refusal(
        .notFound, "There is no such upload: it may be stored, given up or expired. Announcing the file again tells.")
}
