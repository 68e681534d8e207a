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
    /// What has come of files in parts, by upload.
    let parts = HeldParts()

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
        // That of a part says nothing of the file; the caller does.
        let path = try UploadPath(
            percentEncoded: request.method == "PATCH" ? "part" : request.target.dropFirst(MessagePath.files.count))
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
            try connection.send(try answer(to: request))
        }
    }
}

// MARK: - Files in parts

extension Answers {
    /// The answer of a receiver that takes whole files and parts.
    func answer(to request: PeerRequest) throws -> [UInt8] {
        switch request.method {
        case "POST": try announced(request)
        case "PATCH": try extended(request)
        default: try receipt(for: request)
        }
    }

    private func announced(_ request: PeerRequest) throws -> [UInt8] {
        guard let size = request.fields["upload-length"].flatMap({ Int64($0) }),
            let digest = request.fields["repr-digest"].flatMap({ ContentDigest.parse(fieldValue: $0) }),
            request.fields["upload-complete"] == "?0", request.body.isEmpty
        else { throw PeerRequest.Broken() }
        let path = try UploadPath(percentEncoded: request.target.dropFirst(MessagePath.files.count))
        let file = AnnouncedFile(pi: pi, path: path, size: size, digest: digest, modified: nil)
        let held = parts.announce(file)
        if Int64(held.count) == size, SHA256.digest(of: held) == digest {
            return try receipt(for: request, result: .unchanged) { $0.state(file) }
        }
        return message(
            status: 201, body: "",
            fields: [
                ("Location", MessagePath.upload(file.id)), ("Upload-Offset", "\(held.count)"),
                ("Upload-Complete", "?0"),
            ])
    }

    private func extended(_ request: PeerRequest) throws -> [UInt8] {
        guard let (file, held) = parts[request.target] else { return problem(.notFound) }
        guard request.fields["upload-offset"] == "\(held.count)" else {
            return problem(.uploadOffsetMismatch, fields: [("Upload-Offset", "\(held.count)")])
        }
        guard request.fields["content-digest"] == ContentDigest.fieldValue(SHA256.digest(of: request.body)) else {
            return problem(.digestMismatch, fields: [("Upload-Complete", "?0"), ("Upload-Offset", "\(held.count)")])
        }
        let content = held + request.body
        parts.extend(request.target, to: content)
        guard request.fields["upload-complete"] == "?1" else {
            return Array("HTTP/1.1 204 Words\r\nUpload-Offset: \(content.count)\r\n\r\n".utf8)
        }
        guard SHA256.digest(of: content) == file.digest else {
            parts.extend(request.target, to: [])
            return problem(.digestMismatch, fields: [("Upload-Complete", "?1")])
        }
        return try receipt(for: request) { $0.state(file) }
    }
}

extension Answers.Parts {
    /// The receipt is for `file`, whatever request it answers.
    fileprivate mutating func state(_ file: AnnouncedFile) {
        receipt = Receipt(
            pi: file.pi, path: file.path, size: file.size, digest: file.digest,
            received: Int64(Date().timeIntervalSince1970), result: receipt.result)
    }
}

/// The files that come in parts to a scripted receiver.
final class HeldParts: Sendable {
    private let files = Mutex<[String: (file: AnnouncedFile, content: [UInt8])]>([:])

    func announce(_ file: AnnouncedFile) -> [UInt8] {
        files.withLock { files in
            let held = files[MessagePath.upload(file.id)] ?? (file, [])
            files[MessagePath.upload(file.id)] = held
            return held.content
        }
    }

    subscript(target: String) -> (file: AnnouncedFile, content: [UInt8])? { files.withLock { $0[target] } }

    func extend(_ target: String, to content: [UInt8]) { files.withLock { $0[target]?.content = content } }

    /// As if they had expired.
    func forget() { files.withLock { $0 = [:] } }
}

/// What a scripted receiver was sent, in the order of arrival.
final class Store: Sendable {
    private let requests = Mutex<[PeerRequest]>([])

    func keep(_ request: PeerRequest) { requests.withLock { $0.append(request) } }

    var all: [PeerRequest] { requests.withLock { $0 } }
    var targets: [String] { all.map(\.target) }
}
