import CertificateAuthority
import Foundation
import Logging
import NIOCore
import OpenSSL
import ServiceLifecycle
import Synchronization
import TestSupport
import UploadProtocol

@testable import SecureReceiver

/// A whole receiver in this process: real files, real TLS, a free port.
struct RunningReceiver: Sendable {
    let folder: TemporaryFolder
    let lab: TestLab
    let port: Int
    /// Of every Pi here, unless a test writes another `ids.txt`.
    let secret: PiSecret
    let log: TestLog
    /// Begins to stop it, as SIGTERM does.
    let stop: @Sendable () async -> Void
    /// Reads its files again, as SIGHUP does.
    let reload: @Sendable () -> Void

    static func run(
        pis: [String] = ["pi-01", "pi-02"], largestFile: Int64? = nil, drainSeconds: Int64 = 30,
        uploadsUnderWay: Int = 256, limits: ClientLimits = ClientLimits(),
        resumableAbove: Int64 = ResumableUpload.defaultKeptAbove,
        folder: TemporaryFolder? = nil,
        _ body: @escaping @Sendable (RunningReceiver) async throws -> Void
    ) async throws {
        let (folder, lab, secret) = try deployment(pis, in: folder)
        var configuration = ReceiverConfiguration(certificate: folder("certs/server.pem"))
        configuration.identifiers = folder("ids.txt")
        configuration.store = folder("received_files")
        configuration.address = "127.0.0.1"
        configuration.port = 0
        configuration.largestFile = largestFile
        configuration.drainSeconds = drainSeconds
        configuration.uploadsUnderWay = uploadsUnderWay
        configuration.resumableAbove = resumableAbove
        configuration.limits = limits

        let log = TestLog()
        let logger = Logger(label: "test") { _ in log }
        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        let service = try ReceiverService(configuration, logger: logger) { announce.yield($0.port ?? 0) }
        let services = ServiceGroup(configuration: .init(services: [.init(service: service)], logger: logger))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { announce.finish() }
                try await services.run()
            }
            guard let port = await ports.first(where: { _ in true }) else { return try await group.waitForAll() }
            let receiver = RunningReceiver(
                folder: folder, lab: lab, port: port, secret: secret, log: log,
                stop: { await services.triggerGracefulShutdown() }, reload: { service.reload() })
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body(receiver)) } catch { outcome = .failure(error) }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
            try outcome.get()
        }
    }

    /// What a receiver needs to start: `certs/`, `ids.txt` with one secret for all of `pis`, and `received_files/`.
    static func deployment(
        _ pis: [String] = ["pi-01"], in folder: TemporaryFolder? = nil
    ) throws -> (TemporaryFolder, TestLab, PiSecret) {
        let folder = try folder ?? TemporaryFolder()
        let lab = try TestLab()
        let secret = try PiSecret()
        let digits = secret.key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        try folder.write(Array(pis.map { "\(digits) \($0)\n" }.joined().utf8), to: "ids.txt")
        try folder.write(lab.receiver().pem(), to: "certs/server.pem")
        try folder.write(Array(lab.authority.certificate.pem.utf8), to: "certs/ca.pem")
        try FileManager.default.createDirectory(atPath: folder("received_files"), withIntermediateDirectories: true)
        return (folder, lab, secret)
    }

    func request(pi: String = "pi-01", path: String = "a.json", body: [UInt8] = Array("hello".utf8)) -> UploadRequest {
        UploadRequest(pi: pi, secret: secret, path: path, body: body)
    }

    func context(_ identity: TestLab.Identity, chain: [Certificate]? = nil) throws -> TLSContext {
        try Self.context(identity, chain: chain, lab: lab)
    }

    static func context(
        _ identity: TestLab.Identity, chain: [Certificate]? = nil, lab: TestLab
    ) throws -> TLSContext {
        try TLSContext(
            TLSConfiguration(
                role: .client, certificateChain: chain ?? [identity.certificate], privateKey: identity.key,
                trustRoots: [lab.authority.certificate],
                peerPolicy: { peer in
                    do { try LeafProfile.checkReceiver(peer) } catch { return .refuse("\(error)") }
                    return .accept
                }))
    }

    /// Runs blocking client code of `pi` on a thread of its own.
    func connected<Output: Sendable>(
        as pi: String = "pi-01", _ body: @escaping @Sendable (RawClient) throws -> Output
    ) async throws -> Output {
        let context = try context(lab.pi(pi))
        return try await blocking { try body(RawClient(port: port, context: context)) }
    }

    /// Sends one request on a connection of its own and reads its answer.
    func answer(to request: UploadRequest, as pi: String = "pi-01") async throws -> RawClient.Response {
        try await connected(as: pi) { client in
            try client.send(request.bytes)
            return try client.response()
        }
    }

    /// What is stored: relative paths, without the receiver's own folder.
    var stored: [String] { folder.files(below: "received_files").filter { !$0.hasPrefix(".receiver/") } }
}

/// Collects what is logged.
final class TestLog: LogHandler, Sendable {
    private let collected = Mutex<[String]>([])

    var lines: [String] { collected.withLock { $0 } }

    /// Waits for a line that begins like this.
    func waitForLine(_ beginning: String) async throws {
        while !lines.contains(where: { $0.hasPrefix(beginning) }) { try await Task.sleep(for: .milliseconds(5)) }
    }

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }

    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }

    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        collected.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
    }
}
