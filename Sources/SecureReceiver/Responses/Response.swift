import FoundationEssentials
import HTTPTypes
import MessageSignatures
import OpenSSL
import UploadProtocol

/// An answer, ready to be written.
struct Response: Hashable, Sendable {
    var status: Int
    var fields: HTTPFields
    var body: [UInt8]
    /// The connection ends with this answer.
    var closesConnection = false
    /// The answer to HEAD has the fields of the body but not the body.
    var omitsBody = false

    init(status: Int, fields: HTTPFields = [:], body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    static func text(_ text: String) -> Response {
        Response(status: 200, fields: [.contentType: "text/plain; charset=utf-8"], body: Array("\(text)\n".utf8))
    }
}

extension Response {
    /// A receipt and its signature.
    init(_ signed: SignedReceipt) {
        let body = Array(signed.json.utf8)
        self.init(
            status: signed.status,
            fields: [
                .contentType: Receipt.contentType,
                .contentDigest: ContentDigest.fieldValue(SHA256.digest(of: body)),
                .signatureInput: signed.signatureInputField,
                .signature: signed.signatureField,
            ],
            body: body)
    }
}

extension SignedReceipt {
    var status: Int { receipt.result.status }
}

extension Receipt.Result {
    var status: Int { self == .created ? 201 : 200 }
}

extension Response {
    /// RFC 9457.
    private struct ProblemDetails: Encodable {
        let type: String
        let title: String
        let status: Int
        let code: String
        let detail: String
    }

    /// `pi`: whom the connection's certificate names.
    init(_ refusal: Refusal, pi: PiName) {
        let problem = refusal.problem
        let details = ProblemDetails(
            type: problem.type, title: problem.title, status: problem.status, code: problem.code, detail: refusal.detail
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let body = (try? encoder.encode(details)).map(Array.init) ?? []
        var fields: HTTPFields = [.contentType: "application/problem+json"]
        switch problem {
        case .authenticationFailed, .clockSkew:
            fields[.wwwAuthenticate] = "Signature realm=\"secure-receiver\""
            fields[.acceptSignature] = Self.acceptedSignature(pi: pi)
        case .methodNotAllowed:
            fields[.allow] = refusal.allowedMethods.joined(separator: ", ")
        case .draining, .tooManyRequests:
            fields[.retryAfter] = String(refusal.retryAfter)
        default: break
        }
        self.init(status: problem.status, fields: fields, body: body)
    }

    /// What a signature must look like (RFC 9421, section 5.1).
    private static func acceptedSignature(pi: PiName) -> String {
        let components = UploadSignature.components.map(\.identifier).joined(separator: " ")
        return "\(UploadSignature.label)=(\(components));created;keyid=\"\(pi)\""
            + ";alg=\"\(UploadSignature.algorithm)\";tag=\"\(UploadSignature.tag)\""
    }
}

extension HTTPField.Name {
    static let contentDigest = Self("Content-Digest")!
    static let signature = Self("Signature")!
    static let signatureInput = Self("Signature-Input")!
    static let acceptSignature = Self("Accept-Signature")!
}
