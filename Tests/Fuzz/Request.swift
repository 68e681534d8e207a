import Foundation
import Glibc
import HTTPTypes
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import OpenSSL
import Synchronization
import UploadProtocol
import UploadStore

@testable import SecureReceiver

/// The bytes of a request's head, from the parser to the decision. The corpus holds what pi-01 really signed; whatever is
/// made of it, the receiver lets no other upload in than those.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRequest(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    for head in heads(UnsafeBufferPointer(start: start, count: count)) {
        guard let head = try? RequestHead(head), let decision = try? admission.decide(head, from: pi, now: signedAt)
        else { continue }
        check(decision, head)
    }
    return 0
}

private func check(_ decision: Admission.Decision, _ head: RequestHead) {
    guard decision.isSigned else { return precondition(head.path == "/") }
    accepted.add(1, ordering: .relaxed)
    precondition(head.authority == "127.0.0.1:3500")
    switch decision {
    case .answer: break
    case .status: preconditionFailure("pi-01 signed no question for the status")
    case .upload(let upload):
        precondition(head.method == "PUT")
        check(upload.file)
    case .part(let part):
        precondition(head.method == "PATCH" && part.key == signedKey && part.digest == signedPart)
        precondition(part.offset == 5 && part.isLast)
    case .question(.announce(let file, _)):
        precondition(head.method == "POST" && file.size == 11)
        check(file)
    case .question(.status(let key)): precondition(head.method == "HEAD" && key == signedKey)
    case .question(.cancel): preconditionFailure("pi-01 signed no DELETE")
    }
}

private func check(_ file: AnnouncedFile) {
    precondition(file.pi == pi && file.digest == signedDigest && signedPaths.contains("\(file.path)"))
    precondition(file.modified == nil || file.modified == signedModified)
}

/// Of those of the corpus, at the least: a run in which none was accepted has shown nothing.
private let accepted = Atomic<Int>(0)

@_cdecl("LLVMFuzzerInitialize")
public func initializeRequestFuzzer(_ count: UnsafePointer<CInt>?, _ arguments: UnsafeRawPointer?) -> CInt {
    atexit { precondition(accepted.load(ordering: .relaxed) > 0, "no request of the corpus was accepted") }
    return 0
}

private let pi = PiName("pi-01")!
private let signedAt: Int64 = 1_785_000_000
private let signedModified: Int64 = 1_784_999_400
private let signedPaths: Set<String> = ["station3.json", "2026/Messung für Süd.csv"]
private let signedContent = Array("{\"t\":21.5}\n".utf8)
private let signedDigest = SHA256.digest(of: signedContent)
private let signedPart = SHA256.digest(of: Array(signedContent[5...]))
private let signedKey = PartialKey(
    pi: pi, id: UploadID("55122b4976a3266816f7ff44fda47a0d16147c2e8bcadea0921fe100f80a3f46")!)

/// One that knows pi-01 by the secret with which the corpus is signed.
private let admission: Admission = {
    let file = "\(NSTemporaryDirectory())/ids-\(getpid()).txt"
    do {
        try Data("0123456789abcdef pi-01\n".utf8).write(to: URL(fileURLWithPath: file))
        let identifiers = try WatchedFiles("ids.txt", paths: [], logger: Logger(label: "fuzz")) { _ in
            try IdentifierList(parsing: Array(Data(contentsOf: URL(fileURLWithPath: file))))
        }
        try FileManager.default.removeItem(atPath: file)
        return Admission(
            authenticator: Authenticator(identifiers: identifiers, tolerance: 300), largestFile: 1 << 40)
    } catch {
        preconditionFailure("\(error)")
    }
}()

/// As the receiver's own pipeline reads them.
private func heads(_ bytes: UnsafeBufferPointer<UInt8>) -> [HTTPRequestHead] {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = 8 * 1024
    limits.maxHeaderListSize = 32 * 1024
    limits.maxHeaderFieldCount = 64
    let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
    let channel = EmbeddedChannel(handler: ByteToMessageHandler(decoder))
    defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
    _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
    var heads: [HTTPRequestHead] = []
    while let part = try? channel.readInbound(as: HTTPServerRequestPart.self) {
        if case .head(let head) = part { heads.append(head) }
    }
    return heads
}
