import HTTPTypes
import OpenSSL
import UploadProtocol

/// An upload that may go ahead: it is its Pi's, and its path and size are possible.
struct AdmittedUpload: Sendable {
    let file: AnnouncedFile
    let context: ReceiptSignature.Context

    var pi: PiName { file.pi }
    var path: UploadPath { file.path }
    /// Bytes.
    var size: Int64 { file.size }
}

/// Decides about a request by its head alone, in the protocol's order, before a byte of the body is looked at.
struct Admission: Sendable {
    let authenticator: Authenticator
    /// Bytes; `nil` for no limit.
    let largestFile: Int64?

    enum Decision: Sendable {
        case answer(Response)
        case upload(AdmittedUpload)
        case part(AdmittedPart)
        case question(AdmittedQuestion)
        /// What there is room for, for this Pi.
        case status(PiName)

        /// The Pi has shown a good signature.
        var isSigned: Bool { if case .answer = self { false } else { true } }
    }

    /// `pi`: whom the connection's certificate names. `now`: seconds since 1970.
    func decide(_ head: RequestHead, from pi: PiName, now: Int64) throws(Refusal) -> Decision {
        if head.path == "/", head.method == "GET" || head.method == "HEAD" {
            return .answer(.text("secure-receiver: you are connected as \(pi)"))
        }
        let request = try authenticator.verify(head, from: pi, now: now)
        if head.path.hasPrefix(MessagePath.files) {
            switch head.method {
            case "PUT": return .upload(try upload(request))
            case "POST": return .question(try announcement(request))
            default:
                throw Refusal(
                    .methodNotAllowed, "Files are sent with PUT, or in parts that POST begins.",
                    allowedMethods: ["PUT", "POST"])
            }
        }
        if head.path.hasPrefix(MessagePath.uploads) {
            switch head.method {
            case "PATCH": return .part(try part(request))
            case "HEAD", "DELETE": return .question(try question(request))
            default:
                throw Refusal(
                    .methodNotAllowed, "An upload in parts goes on with PATCH.",
                    allowedMethods: ["HEAD", "PATCH", "DELETE"])
            }
        }
        if head.path == MessagePath.status {
            guard head.method == "GET" || head.method == "HEAD" else {
                throw Refusal(.methodNotAllowed, "The status is asked for with GET.", allowedMethods: ["GET", "HEAD"])
            }
            try Self.checkNoBody(request)
            return .status(request.pi)
        }
        throw Refusal(.notFound, "There is nothing at this path. Files go to \(MessagePath.files)<path>.")
    }

    private func upload(_ request: VerifiedRequest) throws(Refusal) -> AdmittedUpload {
        let head = request.head
        let path = try Self.path(head)
        try Self.checkNoContentCoding(head.fields)
        guard head.fields[.contentRange] == nil,
            head.fields[.uploadComplete] == nil || UploadFields(head.fields).isComplete == true
        else {
            // RFC 9110, section 14.5: taking a part for the whole would be worse.
            throw Refusal(.malformedRequest, "A part of a file cannot be sent with PUT.")
        }
        let size = try Self.length(head)
        try checkSize(size)
        return AdmittedUpload(
            file: AnnouncedFile(
                pi: request.pi, path: path, size: size, digest: request.digest,
                modified: try Self.modified(head.fields)),
            context: request.context)
    }

    static func path(_ head: RequestHead) throws(Refusal) -> UploadPath {
        do throws(UploadPathError) {
            return try UploadPath(percentEncoded: head.path.dropFirst(MessagePath.files.count))
        } catch {
            if case .reserved = error { throw Refusal(.reservedName, "\(error).") }
            throw Refusal(.invalidPath, "\(error).")
        }
    }

    static func checkNoContentCoding(_ fields: HTTPFields) throws(Refusal) {
        guard fields[.contentEncoding] == nil else {
            throw Refusal(
                .contentCoding, "The receiver stores bytes as they are: send the file without Content-Encoding.")
        }
    }

    static func length(_ head: RequestHead) throws(Refusal) -> Int64 {
        guard case .length(let size) = head.body, head.fields[.contentLength] != nil else {
            throw Refusal(.lengthRequired, "An upload states its size in Content-Length.")
        }
        return size
    }

    func checkSize(_ size: Int64) throws(Refusal) {
        guard let largestFile, size > largestFile else { return }
        throw Refusal(
            .tooLarge, "The file has \(size) bytes; this receiver takes \(largestFile).",
            fields: [.uploadLimit: "\(ResumableUpload.maxSizeKey)=\(largestFile)"])
    }

    static func modified(_ fields: HTTPFields) throws(Refusal) -> Int64? {
        guard let value = fields[.lastModified] else { return nil }
        guard let seconds = HTTPDate.parse(value) else {
            throw Refusal(.malformedRequest, "Last-Modified is not of the form Fri, 31 Jul 2026 10:15:00 GMT.")
        }
        return seconds
    }
}

extension VerifiedRequest {
    /// What the receipt is bound to; its status follows from what becomes of the file.
    var context: ReceiptSignature.Context {
        ReceiptSignature.Context(
            status: 201, method: head.method, authority: head.authority, path: head.path, requestDigest: digest)
    }
}
