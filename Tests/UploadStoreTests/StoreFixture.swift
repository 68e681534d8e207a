import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol
import UploadStore

/// A store in a temporary folder, and a receiver's key that signs its receipts.
struct StoreFixture {
    let folder: TemporaryFolder
    let root: String
    let store: UploadStore

    init(
        in folder: TemporaryFolder? = nil, features: SystemFeatures? = nil, observe: @escaping StepObserver = { _ in }
    ) throws {
        self.folder = try folder ?? TemporaryFolder()
        root = self.folder("received_files")
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: false)
        store = try UploadStore(
            opening: root, certificates: self.folder("certs"), features: features, observe: observe)
    }

    @discardableResult
    func put(
        _ content: some Collection<UInt8>, _ path: String, pi: String = "pi-01", modified: Int64? = nil
    ) throws -> Receipt.Result {
        try store.put(content, path, pi: pi, modified: modified)
    }

    func read(_ name: String) throws -> String {
        String(decoding: try folder.read("received_files/\(name)"), as: UTF8.self)
    }

    /// What a verification finds: `<what>: <path>`, sorted.
    func findings(in store: String? = nil, only pi: String? = nil) throws -> [String] {
        try verify(in: store, only: pi).findings
    }

    func verify(
        in store: String? = nil, only pi: String? = nil
    ) throws -> (findings: [String], summary: VerificationSummary) {
        if !FileManager.default.fileExists(atPath: folder("certs")) {
            let certificate = try receiver.get().certificate
            try folder.write(Array(certificate.pem.utf8), to: "certs/\(certificate.fingerprint).pem")
        }
        let verification = try StoreVerification(
            of: store ?? root, certificates: folder("certs"), only: pi.flatMap { PiName($0) })
        let findings = Findings()
        let summary = verification.run { findings.add($0) }
        return (findings.all, summary)
    }

    /// All files but the store's own notes.
    var stored: [String] {
        folder.files(below: "received_files").filter { !$0.hasPrefix(".receiver/") }
    }

    /// What the store keeps for itself beside its lock.
    var notes: [String] {
        folder.files(below: "received_files").filter { $0.hasPrefix(".receiver/") && $0 != ".receiver/lock" }
    }
}

extension UploadStore {
    @discardableResult
    func put(
        _ content: some Collection<UInt8>, _ path: String, pi: String = "pi-01", modified: Int64? = nil
    ) throws -> Receipt.Result {
        try commit(try receive(content, path, pi: pi), modified: modified)
    }

    /// An upload that is written and finished.
    func receive(
        _ content: some Collection<UInt8>, _ path: String, pi: String = "pi-01"
    ) throws -> IncomingUpload {
        let segments = path.split(separator: "/").map(String.init)
        let upload = try begin(pi: PiName(pi)!, path: UploadPath(segments: segments), size: Int64(content.count))
        try upload.write(Array(content))
        #expect(upload.finish() == SHA256.digest(of: Array(content)))
        return upload
    }

    @discardableResult
    func commit(_ upload: IncomingUpload, modified: Int64? = nil) throws -> Receipt.Result {
        let signed = try commit(upload, modified: modified) { try signReceipt(for: upload, result: $0) }
        return signed.receipt.result
    }
}

extension IncomingUpload {
    func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try write($0) }
    }
}

func sha256(_ content: some Collection<UInt8>) -> String { SHA256.digest(of: Array(content)).hex }

let receiver = Result { try TestLab().receiver() }

/// `identity`: of the receiver if `nil`.
func signReceipt(
    for upload: IncomingUpload, result: Receipt.Result, by identity: TestLab.Identity? = nil
) throws -> SignedReceipt {
    let file = AnnouncedFile(
        pi: upload.pi, path: upload.path, size: upload.size, digest: upload.finish(), modified: nil)
    return try signReceipt(for: file, result: result, by: identity)
}

func signReceipt(
    for file: AnnouncedFile, result: Receipt.Result, by identity: TestLab.Identity? = nil
) throws -> SignedReceipt {
    let identity = try identity ?? receiver.get()
    let now = Int64(Date().timeIntervalSince1970)
    let receipt = Receipt(
        pi: file.pi, path: file.path, size: file.size, digest: file.digest, received: now, result: result)
    return try SignedReceipt(
        signing: receipt,
        context: .init(
            status: result == .created ? 201 : 200, method: "PUT", authority: "localhost:3500",
            path: MessagePath.file(file.path), requestDigest: file.digest),
        created: now, certificate: identity.certificate.fingerprint, key: identity.key)
}
