import HTTPTypes
import OpenSSL
import UploadProtocol

/// An upload that may go ahead: it is its Pi's, and its path and size are possible.
struct AdmittedUpload: Sendable {
    let pi: PiName
    let path: UploadPath
    /// Bytes.
    let size: Int64
    let digest: SHA256Digest
    /// Seconds since 1970.
    let modified: Int64?
    let context: ReceiptSignature.Context
}

/// Decides about a request by its head alone, in the protocol's order, before a byte of the body is looked at.
struct Admission: Sendable {
    let authenticator: Authenticator
    /// Bytes; `nil` for no limit.
    let largestFile: Int64?

    enum Decision: Sendable {
        case answer(Response)
        case upload(AdmittedUpload)
    }

    /// `pi`: whom the connection's certificate names. `now`: seconds since 1970.
    func decide(_ head: RequestHead, from pi: PiName, now: Int64) throws(Refusal) -> Decision {
        if head.path == "/", head.method == "GET" || head.method == "HEAD" {
            return .answer(.text("secure-receiver: you are connected as \(pi)"))
        }
        let request = try authenticator.verify(head, from: pi, now: now)
        guard head.path.hasPrefix(MessagePath.files) else {
            throw Refusal(.notFound, "There is nothing at this path. Files go to \(MessagePath.files)<path>.")
        }
        guard head.method == "PUT" else {
            throw Refusal(.methodNotAllowed, "Files are sent with PUT.", allowedMethods: ["PUT"])
        }
        return .upload(try upload(request))
    }

    private func upload(_ request: VerifiedRequest) throws(Refusal) -> AdmittedUpload {
        let head = request.head
        let path: UploadPath
        do throws(UploadPathError) {
            path = try UploadPath(percentEncoded: head.path.dropFirst(MessagePath.files.count))
        } catch {
            if case .reserved = error { throw Refusal(.reservedName, "\(error).") }
            throw Refusal(.invalidPath, "\(error).")
        }
        guard head.fields[.contentEncoding] == nil else {
            throw Refusal(
                .contentCoding, "The receiver stores bytes as they are: send the file without Content-Encoding.")
        }
        guard head.fields[.contentRange] == nil else {
            // RFC 9110, section 14.5: taking a part for the whole would be worse.
            throw Refusal(.malformedRequest, "A part of a file cannot be sent with PUT.")
        }
        guard case .length(let size) = head.body, head.fields[.contentLength] != nil else {
            throw Refusal(.lengthRequired, "An upload states its size in Content-Length.")
        }
        if let largestFile, size > largestFile {
            throw Refusal(.tooLarge, "The file has \(size) bytes; this receiver takes \(largestFile).")
        }
        return AdmittedUpload(
            pi: request.pi, path: path, size: size, digest: request.digest,
            modified: try Self.modified(head.fields),
            context: ReceiptSignature.Context(
                status: 201, method: head.method, authority: head.authority, path: head.path,
                requestDigest: request.digest))
    }

    private static func modified(_ fields: HTTPFields) throws(Refusal) -> Int64? {
        guard let value = fields[.lastModified] else { return nil }
        guard let seconds = HTTPDate.parse(value) else {
            throw Refusal(.malformedRequest, "Last-Modified is not of the form Fri, 31 Jul 2026 10:15:00 GMT.")
        }
        return seconds
    }
}
