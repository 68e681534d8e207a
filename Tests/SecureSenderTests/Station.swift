import CertificateAuthority
import CommandSupport
import Foundation
import OpenSSL
import Synchronization
import TestSupport
import UploadProtocol

@testable import SecureSender

/// A Pi made for one test: its identity, and a folder of files to send.
struct Station: Sendable {
    let lab: TestLab
    let pi: TestLab.Identity
    let receiver: TestLab.Identity
    let secret: PiSecret
    let folder: TemporaryFolder
    let name = PiName("pi-01")!

    init(files: [String: String] = [:]) throws {
        lab = try TestLab()
        pi = try lab.pi("pi-01")
        receiver = try lab.receiver()
        secret = try PiSecret()
        folder = try TemporaryFolder()
        try folder.write(SecretFile.contents(secret).withUnsafeBytes(Array.init), to: "identity/secret.py")
        try folder.write(pi.pem(), to: "identity/pi.pem")
        try folder.write(Array(lab.authority.certificate.pem.utf8), to: "identity/ca.pem")
        for file in ["secret.py", "pi.pem"] { chmod(folder("identity/\(file)"), 0o600) }
        try FileManager.default.createDirectory(atPath: folder("data"), withIntermediateDirectories: true)
        for (index, name) in files.keys.sorted().enumerated() {
            try write(files[name]!, to: name, age: files.count - index)
        }
    }

    /// With files that hold their own names.
    init(names: [String]) throws {
        try self.init(files: Dictionary(uniqueKeysWithValues: names.map { ($0, $0) }))
    }

    var answers: Answers { Answers(identity: receiver, pi: name) }

    /// `age`: seconds since it was written.
    func write(_ text: String, to name: String, age: Int = 0) throws {
        try folder.write(Array(text.utf8), to: "data/\(name)", modified: Date(timeIntervalSinceNow: -Double(age)))
    }

    var waitingFiles: [String] { folder.files(below: "data") }
    /// Without the note of the last receipt's time.
    var sentFiles: [String] {
        folder.files(below: "sent_files").filter { $0 != LastReceiptTime.fileName && !$0.hasPrefix(".receiver-") }
    }

    /// Runs the built program.
    func send(to port: UInt16, host: String = "127.0.0.1", _ options: [String] = []) async throws -> Program.Outcome {
        try await Program.run(
            "secure-sender",
            [host, folder("data"), "--port", "\(port)", "--identity", folder("identity"), "--quiet-time", "0s"]
                + options,
            in: folder.path)
    }

    func listen(_ script: @escaping @Sendable (PeerConnection) throws -> Void) throws -> ScriptedReceiver {
        try ScriptedReceiver(as: receiver, in: lab, script: script)
    }

    /// Answers each request, which is in `store` by then.
    func listen(
        into store: Store? = nil, answering answer: @escaping @Sendable (Answers, PeerRequest) throws -> [UInt8]
    ) throws -> ScriptedReceiver {
        let answers = answers
        return try listen { connection in
            while true {
                let request = try connection.nextRequest()
                store?.keep(request)
                try connection.send(try answer(answers, request))
            }
        }
    }

    func listenHonestly(into store: Store? = nil) throws -> ScriptedReceiver {
        try listen(into: store) { answers, request in try answers.answer(to: request) }
    }
}

/// A run inside the test's process, where its settings can be chosen.
struct RunOutcome: Sendable {
    let status: ExitStatus?
    let failure: CommandFailure?
    let events: [SendEvent]

    var failures: [CommandFailure] {
        events.compactMap { if case .failed(let failure, _) = $0 { failure } else { nil } }
    }
    var sent: [String] { events.compactMap { if case .sent(let path, _, _) = $0 { path.description } else { nil } } }
    /// Why the run ended early, and how many files it left.
    var gaveUp: (reason: String, files: Int)? {
        for case .gaveUp(let reason, let files, _) in events { return (reason, files) }
        return nil
    }
    var notices: [String] { events.compactMap { if case .notice(let text) = $0 { text } else { nil } } }
}

extension Station {
    func run(
        to port: UInt16, settings: SenderSettings = .quick, clock: SenderClock? = nil,
        observe: @escaping @Sendable (SendEvent) -> Void = { _ in }
    ) async throws -> RunOutcome {
        // Runs block, so they get a thread of their own instead of one that all tests share.
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result { try runHere(to: port, settings: settings, clock: clock, observe: observe) })
            }
        }
    }

    private func runHere(
        to port: UInt16, settings: SenderSettings, clock: SenderClock?, observe: @escaping @Sendable (SendEvent) -> Void
    ) throws -> RunOutcome {
        let identity = try PiIdentity(readingFrom: IdentityFolder(path: folder("identity")))
        let source = try Folder(opening: folder("data"))
        let sentFolder = try SentFolder.open(nil, for: source)
        let scan = try FileScan(of: source, leavingOut: sentFolder)
        let events = Mutex<[SendEvent]>([])
        let now = Int64(Date().timeIntervalSince1970)
        let run = SendRun(
            to: ReceiverAddress("127.0.0.1", port: port)!, as: identity, files: FileSource(scan.files, folder: source),
            from: source,
            sentFolder: sentFolder,
            clock: clock
                ?? SenderClock(isSynchronised: true, systemTime: now, bundleTime: now, lastReceipt: nil, now: .now),
            settings: settings
        ) { event in
            events.withLock { $0.append(event) }
            observe(event)
        }
        do throws(CommandFailure) {
            let status = try run.run()
            return RunOutcome(status: status, failure: nil, events: events.withLock { $0 })
        } catch {
            return RunOutcome(status: nil, failure: error, events: events.withLock { $0 })
        }
    }
}

extension Station {
    /// As `run`, with all that a program does around it: looks until nothing is left to be sent.
    func sendAll(
        to port: UInt16, settings: StationSettings = .quick, observe: @escaping @Sendable (SendEvent) -> Void = { _ in }
    ) async throws -> RunOutcome {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Result { try sendAllHere(to: port, settings: settings, observe: observe) })
            }
        }
    }

    private func sendAllHere(
        to port: UInt16, settings: StationSettings, observe: @escaping @Sendable (SendEvent) -> Void
    ) throws -> RunOutcome {
        let events = Mutex<[SendEvent]>([])
        let sender = try sender(to: port, settings: settings) { event in
            events.withLock { $0.append(event) }
            observe(event)
        }
        do throws(CommandFailure) {
            let status = try sender.sendAll().status
            return RunOutcome(status: status, failure: nil, events: events.withLock { $0 })
        } catch {
            return RunOutcome(status: nil, failure: error, events: events.withLock { $0 })
        }
    }
}

extension Station {
    /// For the thread that asks for it: its looks block.
    func sender(
        to port: UInt16, settings: StationSettings = .quick, report: @escaping (SendEvent) -> Void
    ) throws -> FolderSender {
        let source = try Folder(opening: folder("data"))
        return FolderSender(
            .init(
                name: "data", source: source, sentFolder: try SentFolder.open(nil, for: source),
                receiver: ReceiverAddress("127.0.0.1", port: port)!),
            as: try PiIdentity(readingFrom: IdentityFolder(path: folder("identity"))), settings: settings,
            report: report)
    }
}

extension StationSettings {
    static var quick: StationSettings {
        var settings = StationSettings()
        settings.quietTime = .zero
        settings.sender = .quick
        return settings
    }
}

extension StationSettings {
    static var inSmallParts: StationSettings {
        var settings = quick
        settings.sender = .inSmallParts
        return settings
    }
}

extension SenderSettings {
    /// Parts of 1 KiB for files above 4 KiB.
    static var inSmallParts: SenderSettings {
        var settings = quick
        settings.inPartsAbove = 4 << 10
        settings.partSizes = 1 << 10...1 << 10
        return settings
    }

    /// Short pauses, so that tests of broken connections take no time; and files in their order.
    static var quick: SenderSettings {
        var settings = SenderSettings()
        settings.shortestBackoff = .milliseconds(1)
        settings.longestBackoff = .milliseconds(10)
        settings.giveUpAfter = .seconds(20)
        settings.newestEvery = 0
        return settings
    }

    /// Gives up almost at once.
    static var impatient: SenderSettings {
        var settings = quick
        settings.giveUpAfter = .milliseconds(200)
        settings.giveUpUnreachedAfter = .zero
        return settings
    }
}
