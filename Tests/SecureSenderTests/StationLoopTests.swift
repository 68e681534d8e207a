import CommandSupport
import Files
import Foundation
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

extension Station {
    /// Runs a loop in a thread of its own while `body` does something; returns what the loop told and what ended it.
    fileprivate func loop(
        to port: UInt16, interval: Duration = .seconds(1000), watches: Bool = true,
        backOff: ClosedRange<Duration> = .milliseconds(10) ... .seconds(1),
        settings: StationSettings = .quick, onceStopped: @Sendable () -> Void = {},
        while body: @Sendable (@Sendable @escaping () -> [SendEvent]) async throws -> Void
    ) async throws -> RunOutcome {
        let events = Mutex<[SendEvent]>([])
        let ending = Mutex<CommandFailure?>(nil)
        let stop = StopSwitch()
        let thread = Task {
            try await blockingThread {
                let source = try Folder(opening: folder("data"))
                let identityFolder = IdentityFolder(path: folder("identity"))
                let signal = StopSignal(stop.readEnd)
                let watch = watches ? FolderWatch() : nil
                let report = { (event: SendEvent) in events.withLock { $0.append(event) } }
                let sender = FolderSender(
                    .init(
                        name: "data", source: source, sentFolder: try SentFolder.open(nil, for: source),
                        receiver: ReceiverAddress("127.0.0.1", port: port)!),
                    as: try PiIdentity(readingFrom: identityFolder), settings: settings, watch: watch,
                    stop: signal, report: report)
                let loop = StationLoop(
                    sender, identityFolder: identityFolder, interval: interval, backOff: backOff, watch: watch,
                    stop: signal, report: report)
                do throws(CommandFailure) { try loop.run() } catch { ending.withLock { $0 = error } }
                report(.notice("ended"))
            }
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body { events.withLock { $0 } }) } catch { result = .failure(error) }
        stop.stop()
        onceStopped()
        try await thread.value
        try result.get()
        return RunOutcome(status: nil, failure: ending.withLock { $0 }, events: events.withLock { $0 })
    }
}

private func blockingThread(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

private func waitUntil(_ condition: () throws -> Bool) async throws {
    while try !condition() { try await Task.sleep(for: .milliseconds(5)) }
}

private final class SharedCount: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock { $0 } }

    func add() { count.withLock { $0 += 1 } }
}

extension Station {
    /// Answers nothing before it is told to; `asked` counts requests.
    fileprivate func listenReluctantly(asked: SharedCount, isTold: SharedCount) throws -> ScriptedReceiver {
        let answers = answers
        return try listen { connection in
            while true {
                let request = try connection.nextRequest()
                asked.add()
                while isTold.value == 0 { usleep(1000) }
                try connection.send(try answers.receipt(for: request))
            }
        }
    }
}

extension StationSettings {
    fileprivate static var patientAtEnd: StationSettings {
        var settings = quick
        settings.sender.patienceAtEnd = .seconds(1000)
        return settings
    }
}

@Suite("A station that stays", .timeLimit(.minutes(2)))
struct StationLoopTests {
    @Test("sends what appears: written, renamed, linked, in new folders, and what was there before")
    func watches() async throws {
        let station = try Station(files: ["before": "0"])
        let receiver = try station.listenHonestly()
        let outcome = try await station.loop(to: receiver.port) { _ in
            try await waitUntil { station.sentFiles.contains("before") }
            try station.write("1", to: "written")
            try await waitUntil { station.sentFiles.contains("written") }
            try station.folder.write([1], to: "data/.hidden")
            rename(station.folder("data/.hidden"), station.folder("data/renamed"))
            try await waitUntil { station.sentFiles.contains("renamed") }
            try station.folder.write([1], to: "elsewhere")
            link(station.folder("elsewhere"), station.folder("data/linked"))
            try await waitUntil { station.sentFiles.contains("linked") }
            try station.write("1", to: "new/deep/file")
            try await waitUntil { station.sentFiles.contains("new/deep/file") }
            try station.write("1", to: "new/deep/other")
            try await waitUntil { station.sentFiles.contains("new/deep/other") }
        }
        #expect(outcome.failure == nil)
        #expect(outcome.failures == [])
        #expect(station.waitingFiles == [])
    }

    @Test("sends what appears in a plain period too")
    func plain() async throws {
        let station = try Station(files: ["a": "1"])
        let receiver = try station.listenHonestly()
        _ = try await station.loop(to: receiver.port, interval: .milliseconds(50), watches: false) { _ in
            try await waitUntil { station.sentFiles.contains("a") }
            try station.write("2", to: "b")
            try await waitUntil { station.sentFiles.contains("b") }
        }
        #expect(station.waitingFiles == [])
    }

    @Test(
        "does not let what appears wait for a large file, which is sent once all the same",
        arguments: [true, false])
    func besideLarge(watches: Bool) async throws {
        let station = try Station()
        try station.writeLarge()
        let answers = station.answers
        let store = Store()
        let receiver = try station.listen { connection in
            while true {
                let request = try connection.nextRequest()
                store.keep(request)
                // Comes after the look.
                if store.all.count == 5 { try station.write("1", to: "small") }
                try connection.send(try answers.answer(to: request))
            }
        }
        var settings = StationSettings.quick
        settings.sender.inPartsAbove = 4 << 10
        settings.sender.partSizes = 1 << 10...1 << 10
        settings.sender.shortestLook = .zero
        if !watches { settings.lookLifetime = .milliseconds(200) }
        let outcome = try await station.loop(to: receiver.port, watches: watches, settings: settings) { _ in
            try await waitUntil { station.sentFiles.contains("large") && station.sentFiles.contains("small") }
        }
        store.expectOnceBeside("small")
        #expect(outcome.failures == [])
    }

    @Test("leaves a file that is open, and sends it when it is closed")
    func openFile() async throws {
        let station = try Station()
        let receiver = try station.listenHonestly()
        let path = station.folder("data/a")
        _ = try await station.loop(to: receiver.port, interval: .milliseconds(100)) { _ in
            let writer = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            write(writer, "half", 4)
            try station.write("1", to: "b")
            try await waitUntil { station.sentFiles.contains("b") }
            #expect(!station.sentFiles.contains("a"))
            write(writer, "whole", 5)
            close(writer)
            try await waitUntil { station.sentFiles.contains("a") }
        }
        #expect(try station.folder.read("sent_files/a") == Array("halfwhole".utf8))
    }

    @Test("comes back when the receiver does, without being hasty meanwhile")
    func receiverAway() async throws {
        let station = try Station(files: ["a": "1"])
        var settings = StationSettings.quick
        settings.sender = .impatient
        let attempts = Mutex(0)
        let refusing = try station.listen { _ in attempts.withLock { $0 += 1 } }
        let outcome = try await station.loop(
            to: refusing.port, backOff: .seconds(1000) ... .seconds(1000), settings: settings
        ) { events in
            // Or, on a busy machine, it could not be reached in time.
            try await waitUntil {
                events().contains {
                    switch $0 {
                    case .gaveUp, .failed: true
                    default: false
                    }
                }
            }
            // Changes do not bring it back before its time.
            for number in 0..<20 { try station.write("\(number)", to: "b\(number)") }
        }
        #expect(outcome.failure == nil)
        #expect(outcome.events.filter { if case .started = $0 { true } else { false } }.count == 1)
        #expect(station.waitingFiles.count == 21)
    }

    @Test("sends nothing again while sent files cannot be moved", .enabled(if: geteuid() == 0))
    func fullDisk() async throws {
        let station = try Station(files: ["a": "1"])
        guard let disk = try await SmallDisk(at: station.folder("sent_files")) else { return }
        let store = Store()
        let answers = station.answers
        let receiver = try station.listen { connection in
            while true {
                let request = try connection.nextRequest()
                store.keep(request)
                disk.fill()
                try connection.send(try answers.answer(to: request))
            }
        }
        _ = try await station.loop(
            to: receiver.port, interval: .milliseconds(10), backOff: .milliseconds(1) ... .milliseconds(10)
        ) { events in
            try await waitUntil {
                let failures = events().compactMap { if case .failed(let failure, nil) = $0 { failure } else { nil } }
                return failures.filter { $0.message.hasPrefix("Sent files cannot be moved to ") }.count > 2
            }
        }
        await disk.remove()
        #expect(store.targets == ["/v1/files/a"])
        #expect(station.waitingFiles == ["a"])
    }

    @Test("comes back to a full receiver after a pause, whatever appears meanwhile")
    func fullReceiver() async throws {
        let station = try Station(files: ["a": "1"])
        let answers = station.answers
        let store = Store()
        let receiver = try station.listen { connection in
            while true {
                store.keep(try connection.nextRequest())
                try connection.send(answers.problem(.insufficientStorage))
            }
        }
        let outcome = try await station.loop(to: receiver.port, backOff: .seconds(1000) ... .seconds(1000)) { events in
            try await waitUntil {
                events().contains { if case .finished = $0 { true } else { false } }
            }
            for number in 0..<20 { try station.write("\(number)", to: "b\(number)") }
        }
        #expect(store.targets == ["/v1/files/a"])
        #expect(outcome.failures.map(\.message) == ["a could not be sent"])
    }

    @Test("never gives up on a receiver that cannot be reached where that is wished")
    func forEver() async throws {
        let station = try Station(files: ["a": "1"])
        var settings = StationSettings.quick
        settings.sender.giveUpAfter = nil
        settings.sender.giveUpUnreachedAfter = .zero
        // A port on which nothing listens.
        let outcome = try await station.loop(to: 1, settings: settings) { events in
            try await waitUntil {
                var attempts = 0
                return events().contains {
                    if case .reconnecting = $0 { attempts += 1 }
                    if case .failed = $0 { return true }
                    return attempts == 3
                }
            }
        }
        #expect(outcome.failures == [])
        #expect(station.waitingFiles == ["a"])
    }

    @Test("uses a renewed identity from the next look on, and the old one while that is broken")
    func renewedIdentity() async throws {
        let station = try Station(files: ["a": "1"])
        let receiver = try station.listenHonestly()
        let outcome = try await station.loop(to: receiver.port, interval: .milliseconds(100)) { events in
            try await waitUntil { station.sentFiles.contains("a") }
            let secret = try station.folder.read("identity/secret.py")
            try station.folder.write(Array("secret=".utf8), to: "identity/secret.py")
            try await waitUntil { warnings(in: events()).count == 1 }
            for name in ["b", "c", "d"] {
                try station.write("2", to: name)
                try await waitUntil { station.sentFiles.contains(name) }
            }
            #expect(warnings(in: events()).count == 1, "told once, not at every look")
            try station.folder.write(secret, to: "identity/secret.py")
            rename(station.folder("identity/pi.pem"), station.folder("identity/away.pem"))
            try await waitUntil { warnings(in: events()).count == 2 }
            rename(station.folder("identity/away.pem"), station.folder("identity/pi.pem"))
        }
        #expect(outcome.failures == [])
        let told = warnings(in: outcome.events)
        #expect(
            told.allSatisfy { $0.hasPrefix("The changed identity cannot be used, the one from before still counts: ") })
        #expect(told.first?.contains("secret.py has no line secret=") == true)
        #expect(told.last?.contains("pi.pem: No such file or directory") == true)
    }

    private func warnings(in events: [SendEvent]) -> [String] {
        events.compactMap { if case .warning(let text) = $0 { text } else { nil } }
    }

    @Test("waits for the answers that it is owed when it is to end, begins nothing more, and moves what was stored")
    func inFlight() async throws {
        let names = (0..<300).map { "file\($0 + 100)" }
        let station = try Station(files: Dictionary(uniqueKeysWithValues: names.map { ($0, $0) }))
        let answers = station.answers
        let begun = Mutex(0)
        let isStopped = Mutex(false)
        let receiver = try station.listen { connection in
            var request = try connection.nextRequest()
            begun.withLock { $0 = 1 }
            while !isStopped.withLock({ $0 }) { usleep(1000) }
            while true {
                try connection.send(try answers.receipt(for: request))
                request = try connection.nextRequest()
                begun.withLock { $0 += 1 }
            }
        }
        var settings = StationSettings.quick
        settings.sender.patienceAtEnd = .seconds(1000)
        let outcome = try await station.loop(
            to: receiver.port, settings: settings, onceStopped: { isStopped.withLock { $0 = true } },
            while: { _ in try await waitUntil { begun.withLock { $0 } == 1 } })
        #expect(outcome.failures == [])
        let sent = station.sentFiles.filter { !$0.hasSuffix(".sha256") }
        #expect(sent.count == begun.withLock { $0 })
        #expect(sent.count < names.count)
        #expect(Set(sent).union(station.waitingFiles) == Set(names))
        #expect(Set(sent).isDisjoint(with: station.waitingFiles))
    }

    // Whoever does not notice that he is to end runs into this suite's time limit.
    @Test("ends while the receiver does not answer at all", arguments: ["connection", "handshake", "answer"])
    func stopsWhileWaiting(for step: String) async throws {
        let station = try Station(files: ["a": "1"])
        let asked = Mutex(false)
        let silent = try SilentPort()
        let mute = try PlainListener(answer: nil)
        let lazy = try station.listen { connection in
            _ = try connection.nextRequest()
            asked.withLock { $0 = true }
            connection.waitForEnd()
        }
        var settings = StationSettings.quick
        settings.sender.connectTimeLimit = .seconds(1000)
        settings.sender.handshakeTimeLimit = .seconds(1000)
        settings.sender.inactivityTimeLimit = .seconds(1000)
        settings.sender.patienceAtEnd = .milliseconds(100)
        let ports = ["connection": silent.port, "handshake": mute.port, "answer": lazy.port]
        let outcome = try await station.loop(to: try #require(ports[step]), settings: settings) { events in
            try await waitUntil { events().contains(.connecting) && (step != "answer" || asked.withLock { $0 }) }
        }
        #expect(outcome.failure == nil)
        #expect(outcome.failures == [], "to end is no failure")
        #expect(outcome.gaveUp == nil)
        #expect(station.waitingFiles == ["a"])
    }

    @Test("does not wait for others to leave the sent files alone when it is to end")
    func lockedSentFolder() async throws {
        let station = try Station(files: ["a": "1"])
        let (asked, isTold) = (SharedCount(), SharedCount())
        let receiver = try station.listenReluctantly(asked: asked, isTold: isTold)
        // Not let go before the loop's end.
        let lock = Mutex<FileDescriptor?>(nil)
        let outcome = try await station.loop(
            to: receiver.port, settings: .patientAtEnd, onceStopped: isTold.add
        ) { _ in
            try await waitUntil { asked.value == 1 }
            let held = try Folder(opening: station.folder("sent_files")).lock()
            lock.withLock { $0 = held }
        }
        #expect(outcome.failures.map(\.message) == ["a could not be sent"])
        #expect(outcome.failures.first?.reason?.hasPrefix("the receiver has it, but it could not be moved: ") == true)
        #expect(station.waitingFiles == ["a"])
        #expect(station.sentFiles == [])
    }

    @Test("does not begin to tidy up when it is to end")
    func noTidying() async throws {
        let station = try Station(files: ["a": "1"])
        let (asked, isTold) = (SharedCount(), SharedCount())
        let receiver = try station.listenReluctantly(asked: asked, isTold: isTold)
        var settings = StationSettings.patientAtEnd
        settings.sentLimits = SentLimits(bytes: 0)
        _ = try await station.loop(to: receiver.port, settings: settings, onceStopped: isTold.add) { _ in
            try await waitUntil { asked.value == 1 }
        }
        #expect(station.sentFiles == ["a", "a.sha256"])
    }

    // No full look comes within this suite's time limit.
    @Test("ends with an error as soon as its folder is no longer in its place", arguments: Removal.allCases)
    func folderGone(removal: Removal) async throws {
        let station = try Station(files: ["a": "1"])
        let receiver = try station.listenHonestly()
        let outcome = try await station.loop(to: receiver.port) { events in
            try await waitUntil { station.sentFiles.contains("a") }
            removal.happen(to: station)
            try await waitUntil { events().contains(.notice("ended")) }
        }
        removal.undo(on: station)
        let folder = station.folder(removal == .ofSentFiles ? "sent_files" : "data")
        #expect(outcome.failure?.message == "\(folder) not a valid directory")
        #expect(outcome.failure?.exitCode == .noInput)
    }

    enum Removal: CaseIterable {
        case altogether, withAnotherInItsPlace, byRenaming, ofSentFiles, withTheFolderAboveIt

        fileprivate func happen(to station: Station) {
            let data = station.folder("data")
            switch self {
            case .altogether: rmdir(data)
            case .withAnotherInItsPlace:
                rmdir(data)
                mkdir(data, 0o755)
            case .byRenaming: rename(data, station.folder("moved"))
            case .ofSentFiles: rename(station.folder("sent_files"), station.folder("moved"))
            case .withTheFolderAboveIt: rename(station.folder.path, "\(station.folder.path)-moved")
            }
        }

        /// So that it can be cleaned up.
        fileprivate func undo(on station: Station) {
            if self == .withTheFolderAboveIt { rename("\(station.folder.path)-moved", station.folder.path) }
        }
    }

    @Test("does so too while it waits for a receiver that is away")
    func folderGoneMeanwhile() async throws {
        let station = try Station(files: ["a": "1"])
        var settings = StationSettings.quick
        settings.sender = .impatient
        // A port on which nothing listens.
        let outcome = try await station.loop(
            to: 1, backOff: .seconds(1000) ... .seconds(1000), settings: settings
        ) { events in
            try await waitUntil { events().contains { if case .failed = $0 { true } else { false } } }
            rename(station.folder("data"), station.folder("moved"))
            try await waitUntil { events().contains(.notice("ended")) }
        }
        #expect(outcome.failure?.message == "\(station.folder("data")) not a valid directory")
    }
}

@Suite("A program that stays", .timeLimit(.minutes(2)))
struct StayingProgramTests {
    private func start(_ station: Station, _ options: [String], to port: UInt16) throws -> Program {
        try Program(
            starting: "secure-sender",
            [
                "127.0.0.1", station.folder("data"), "--port", "\(port)", "--identity", station.folder("identity"),
                "--quiet-time", "0s",
            ] + options)
    }

    @Test("ends with 0 after SIGTERM and SIGINT", arguments: [SIGTERM, SIGINT], [["--watch"], ["--every", "1h"]])
    func stops(signal: Int32, options: [String]) async throws {
        let station = try Station(files: ["a": "1"])
        let receiver = try station.listenHonestly()
        let program = try start(station, options, to: receiver.port)
        try await waitUntil { station.sentFiles == ["a", "a.sha256"] && program.output.contains("1 file sent") }
        program.send(signal: signal)
        let outcome = try await program.outcome()
        #expect(outcome.exitCode == 0)
        #expect(outcome.errors == "")
    }

    @Test("is ended by a second signal, whatever it waits for")
    func secondSignal() async throws {
        let station = try Station(files: ["a": "1"])
        let (asked, isTold) = (SharedCount(), SharedCount())
        let receiver = try station.listenReluctantly(asked: asked, isTold: isTold)
        defer { isTold.add() }
        let program = try start(station, ["--watch"], to: receiver.port)
        try await waitUntil { asked.value == 1 }
        program.send(signal: SIGINT)
        program.send(signal: SIGTERM)
        #expect(try await program.outcome().exitCode == 128 + SIGTERM)
    }

    @Test("keeps a second one from the folder, unless that waits")
    func oneAtATime() async throws {
        let station = try Station(files: ["a": "1"])
        let receiver = try station.listenHonestly()
        let first = try start(station, ["--watch"], to: receiver.port)
        try await waitUntil { first.output.contains("1 file sent") }
        let second = try await start(station, [], to: receiver.port).outcome()
        #expect(second.exitCode == 0)
        #expect(second.errors.hasPrefix("Another secure-sender is sending from "))
        let third = try start(station, ["--wait"], to: receiver.port)
        try await waitUntil { third.errors.hasPrefix("Waiting for another secure-sender") }
        first.send(signal: SIGTERM)
        _ = try await first.outcome()
        let waited = try await third.outcome()
        #expect(waited.exitCode == 0)
        #expect(waited.output.hasPrefix("There is nothing to send"))
    }

    @Test(
        "refuses options that make no sense, exit 64",
        arguments: [
            ["--watch", "--every", "1m"], ["--every", "0s"], ["--every", "1"], ["--look-every", "0s"],
            ["--quiet-time", "2d"], ["--quiet-time", "-1s"], ["--every", "999999999d"],
        ])
    func refusals(options: [String]) async throws {
        let outcome = try await Program.run("secure-sender", ["127.0.0.1", "data"] + options)
        #expect(outcome.exitCode == 64)
    }
}

@Suite("What a station that stays says")
struct LastingWarningTests {
    @Test("is once a day that a clock is wrong or a certificate ends, however often it is found")
    func lasting() {
        var now = Uptime(sinceStart: .seconds(1000))
        var told: [SendEvent] = []
        let report = LoopReport(now: { now }, { told.append($0) })
        func certificate(_ holder: SendEvent.CertificateHolder, _ seconds: Int64) -> SendEvent {
            .certificateEnds(holder, time: 1_795_373_193, remaining: .seconds(seconds))
        }
        func lookTwice() -> [SendEvent] {
            told = []
            for second in 1...2 as ClosedRange<Int64> {
                report(.clockIsWrong(behind: 500 + second, isSynchronised: false))
                report(certificate(.pi, 90_000 - second))
                report(certificate(.receiver, 90_000 - second))
                now = now + .seconds(60)
            }
            return told
        }
        let first: [SendEvent] = [
            .clockIsWrong(behind: 501, isSynchronised: false), certificate(.pi, 89_999), certificate(.receiver, 89_999),
        ]
        #expect(lookTwice() == first)
        #expect(lookTwice() == [])
        now = now + .seconds(86_400)
        #expect(lookTwice() == first)
    }
}

@Suite("The watch of folders")
struct FolderWatchTests {
    @Test("tells of what may be sent, and not of hidden files or receipts")
    func events() throws {
        let folder = try TemporaryFolder()
        let watch = try #require(FolderWatch())
        watch.add(try Folder(opening: folder.path))
        #expect(!watch.takeChanges())
        for name in [".hidden", "a.sha256"] { try folder.write([1], to: name) }
        #expect(!watch.takeChanges())
        try folder.write([1], to: "a")
        #expect(watch.takeChanges())
        #expect(!watch.takeChanges())
        try Data([1]).write(to: URL(fileURLWithPath: folder("b")))
        for number in 0..<2000 { mkdir(folder("folder\(number)"), 0o700) }
        #expect(watch.takeChanges())
        #expect(!watch.takeChanges())
        rename(folder(".hidden"), folder("shown"))
        #expect(watch.takeChanges())
        unlink(folder("shown"))
        #expect(!watch.takeChanges())
    }
}
