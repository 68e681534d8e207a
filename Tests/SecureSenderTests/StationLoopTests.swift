import CommandSupport
import Foundation
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

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
        "does not let what is old enough wait for what is too young, nor what becomes old enough for a look at everything"
    )
    func beside() async throws {
        let station = try Station()
        let receiver = try station.listenHonestly()
        var settings = StationSettings.quick
        settings.quietTime = .seconds(1000)
        try station.write("1", to: "young")
        try station.write("1", to: "soon", age: 995)
        try station.write("1", to: "first", age: 2000)
        try station.folder.write([1], to: "elsewhere", modified: Date(timeIntervalSinceNow: -2000))
        _ = try await station.loop(to: receiver.port, settings: settings) { _ in
            try await waitUntil { station.sentFiles.contains("first") }
            rename(station.folder("elsewhere"), station.folder("data/old"))
            try await waitUntil { station.sentFiles.contains("old") && station.sentFiles.contains("soon") }
        }
        #expect(station.waitingFiles == ["young"])
    }

    @Test(
        "does not let what appears wait for a large file, which is sent once all the same",
        arguments: [true, false])
    func besideLarge(watches: Bool) async throws {
        let station = try Station()
        try station.writeLarge()
        let store = Store()
        let receiver = try station.listen(into: store) { answers, request in
            // Comes after the look.
            if store.all.count == 5 { try station.write("1", to: "small") }
            return try answers.answer(to: request)
        }
        var settings = StationSettings.inSmallParts
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
        let receiver = try station.listen(into: store) { answers, request in
            disk.fill()
            return try answers.answer(to: request)
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
        let store = Store()
        let receiver = try station.listen(into: store) { answers, _ in answers.problem(.insufficientStorage) }
        let outcome = try await station.loop(to: receiver.port, backOff: .seconds(1000) ... .seconds(1000)) { events in
            try await waitUntil {
                events().contains { if case .finished = $0 { true } else { false } }
            }
            for number in 0..<20 { try station.write("\(number)", to: "b\(number)") }
        }
        #expect(store.targets == ["/v1/files/a"])
        #expect(outcome.failures.map(\.message) == ["a could not be sent"])
    }

    @Test("sends what is small at once while the receiver has no room for what is large")
    func noRoomForLarge() async throws {
        let station = try Station()
        try station.write(String(repeating: "x", count: 10_000), to: "large", age: 1000)
        let receiver = try station.listen { answers, request in
            request.target.hasSuffix("large") ? answers.problem(.insufficientStorage) : try answers.answer(to: request)
        }
        let outcome = try await station.loop(
            to: receiver.port, backOff: .seconds(1000) ... .seconds(1000), settings: .inSmallParts
        ) { events in
            try await waitUntil {
                events().contains { if case .finished = $0 { true } else { false } }
            }
            try station.write("1", to: "small")
            try await waitUntil { station.sentFiles.contains("small") }
        }
        #expect(outcome.failures.map(\.message) == ["large could not be sent"])
        #expect(station.waitingFiles == ["large"])
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
}
