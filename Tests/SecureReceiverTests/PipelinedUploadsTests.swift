import Dispatch
import Files
import Glibc
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import OpenSSL
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@testable import SecureReceiver

@Suite("Uploads that come all at once")
struct PipelinedUploadsTests {
    private let pi = PiName("pi-01")!

    @Test("on one connection are begun only as there is room, however many one read brought, and all are answered")
    func areHeld() async throws {
        let (folder, _, secret) = try RunningReceiver.deployment()
        let (receiver, credentials) = try Receiver.forTests(in: folder, uploads: 4)
        let requests = (0..<20).map { UploadRequest(pi: pi.text, secret: secret, path: "\($0)", body: [UInt8($0)]) }
        let channel = NIOAsyncTestingChannel()
        try await channel.testingEventLoop.executeInContext {
            let handler = HTTPConnectionHandler(
                receiver: receiver, credentials: credentials, mostInFlight: 256,
                sightings: IdentitySightings(logger: receiver.logger), address: "-", logger: receiver.logger)
            handler.pi = pi
            try channel.pipeline.syncOperations.addHandler(handler)
        }
        // The first two are not done before all have come.
        let goOn = DispatchSemaphore(value: 0)
        for path in ["0", "1"] {
            receiver.commits.submit(.init(pi: pi, path: try UploadPath(segments: [path]))) { goOn.wait() }
        }
        for request in requests {
            for part in parts(of: request) { try await channel.writeInbound(part) }
        }
        #expect(receiver.limit.underWay == 2)
        goOn.signal()
        goOn.signal()
        var statuses: [UInt] = []
        while statuses.count < requests.count {
            await channel.testingEventLoop.run()
            while let part = try await channel.readOutbound(as: HTTPServerResponsePart.self) {
                if case .head(let head) = part { statuses.append(head.status.code) }
            }
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(statuses == Array(repeating: 201, count: requests.count))
        try await receiver.commits.stop()
        #expect(receiver.limit.underWay == 0)
        _ = try await channel.finish()
    }

    private func parts(of request: UploadRequest) -> [HTTPServerRequestPart] {
        var head = HTTPRequestHead(version: .http1_1, method: .PUT, uri: request.target)
        for line in request.head.split(separator: "\r\n").dropFirst() {
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            head.headers.add(name: String(line[..<colon]), value: String(line[colon...].dropFirst(2)))
        }
        return [.head(head), .body(ByteBuffer(bytes: request.body)), .end(nil)]
    }

    @Test("are answered 429 where files run out, whether at a file or at a note", arguments: [EMFILE, ENFILE])
    func tooManyFiles(code: Int32) throws {
        let (folder, _, _) = try RunningReceiver.deployment()
        let (receiver, _) = try Receiver.forTests(in: folder)
        let file = AnnouncedFile(
            pi: pi, path: try UploadPath(segments: ["a"]), size: 5, digest: .ofNothing, modified: nil)
        let error = StoreError.failed(SystemCallError("open", "a", code: code))
        #expect(receiver.refusal(for: error, file).problem == .tooManyRequests)
        #expect(receiver.refusal(for: error, PartialKey(file)).problem == .tooManyRequests)
        let other = StoreError.failed(SystemCallError("open", "a", code: EIO))
        #expect(receiver.refusal(for: other, PartialKey(file)).problem == .storageFailed)
    }
}
