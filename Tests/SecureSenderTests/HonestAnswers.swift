import Foundation
import MessageSignatures
import OpenSSL
import Synchronization
import TestSupport
import UploadProtocol

/// Answers as an honest receiver gives them; a test changes one part.
struct Answers: Sendable {
    let identity: TestLab.Identity
    let pi: PiName

    /// What a receipt is made of.
    struct Parts {
        var status: Int
        var receipt: Receipt
        var context: ReceiptSignature.Context
        var signer: TestLab.Identity
    }

    func receipt(
        for request: PeerRequest, result: Receipt.Result = .created, change: (inout Parts) throws -> Void = { _ in }
    ) throws -> [UInt8] {
        let signed = try signedReceipt(for: request, result: result, change: change)
        return message(
            status: signed.status, body: signed.receipt.json,
            fields: [
                ("Content-Type", Receipt.contentType),
                ("Content-Digest", ContentDigest.fieldValue(SHA256.digest(of: Array(signed.receipt.json.utf8)))),
                ("Signature-Input", signed.receipt.signatureInputField), ("Signature", signed.receipt.signatureField),
            ])
    }

    func signedReceipt(
        for request: PeerRequest, result: Receipt.Result = .created, change: (inout Parts) throws -> Void = { _ in }
    ) throws -> (status: Int, receipt: SignedReceipt) {
        let path = try UploadPath(percentEncoded: request.target.dropFirst(MessagePath.files.count))
        let digest = SHA256.digest(of: request.body)
        let now = Int64(Date().timeIntervalSince1970)
        let status = result == .created ? 201 : 200
        var parts = Parts(
            status: status,
            receipt: Receipt(
                pi: pi, path: path, size: Int64(request.body.count), digest: digest, received: now, result: result),
            context: .init(
                status: status, method: request.method, authority: request.fields["host"] ?? "", path: request.target,
                requestDigest: digest),
            signer: identity)
        try change(&parts)
        let signed = try SignedReceipt(
            signing: parts.receipt, context: parts.context, created: now,
            certificate: parts.signer.certificate.fingerprint, key: parts.signer.key)
        return (parts.status, signed)
    }

    func problem(_ problem: Problem, detail: String = "as the test wants it", fields: [(String, String)] = [])
        -> [UInt8]
    {
        message(
            status: problem.status,
            body: #"{"code":"\#(problem.code)","title":"\#(problem.title)","detail":"\#(detail)"}"#,
            fields: [("Content-Type", "application/problem+json")] + fields)
    }

    func message(status: Int, body: String, fields: [(String, String)]) -> [UInt8] {
        let lines = ["HTTP/1.1 \(status) Words", "Content-Length: \(body.utf8.count)"] + fields.map { "\($0): \($1)" }
        return Array((lines + ["", body]).joined(separator: "\r\n").utf8)
    }

    /// Serves uploads until the sender is done, and keeps them.
    func serve(_ connection: PeerConnection, into store: Store? = nil) throws {
        while true {
            let request = try connection.nextRequest()
            store?.keep(request)
            try connection.send(try receipt(for: request))
        }
    }
}

/// What a scripted receiver was sent, in the order of arrival.
final class Store: Sendable {
    private let requests = Mutex<[PeerRequest]>([])

    func keep(_ request: PeerRequest) { requests.withLock { $0.append(request) } }

    var all: [PeerRequest] { requests.withLock { $0 } }
    var targets: [String] { all.map(\.target) }
}
