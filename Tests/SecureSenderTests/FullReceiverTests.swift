import CommandSupport
import Foundation
import OpenSSL
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("A receiver without room", .timeLimit(.minutes(1)))
struct FullReceiverTests {
    private static let names = (0..<100).map { "file\($0 + 100)" }

    private static var settings: SenderSettings {
        var settings = SenderSettings.quick
        settings.requestsInFlight = 4
        return settings
    }

    private func reason(_ text: String?) -> Bool { text?.hasPrefix("the receiver's disk is full (507 ") == true }

    @Test("is not sent every file in vain, and told in two lines")
    func full() async throws {
        let station = try Station(files: Dictionary(uniqueKeysWithValues: Self.names.map { ($0, $0) }))
        let answers = station.answers
        let store = Store()
        let receiver = try station.listen { connection in
            while true {
                store.keep(try connection.nextRequest())
                try connection.send(answers.problem(.insufficientStorage))
            }
        }
        let outcome = try await station.run(to: receiver.port, settings: Self.settings)
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.failures.map(\.message) == ["\(Self.names[0]) could not be sent"])
        #expect(reason(outcome.failures.first?.reason))
        #expect(reason(outcome.gaveUp?.reason))
        #expect(outcome.gaveUp?.files == Self.names.count - 1)
        #expect(store.all.count <= 4)
        #expect(station.waitingFiles == Self.names)
    }

    @Test("for large files still gets the small ones", arguments: ["PUT", "POST"])
    func fullForLarge(method: String) async throws {
        let station = try Station(files: Dictionary(uniqueKeysWithValues: Self.names.map { ($0, $0) }))
        let large = (0..<20).map { "large\($0 + 10)" }
        for name in large { try station.write(String(repeating: name, count: 1000), to: name, age: 1000) }
        let answers = station.answers
        let store = Store()
        let receiver = try station.listen { connection in
            while true {
                let request = try connection.nextRequest()
                store.keep(request)
                let isLarge = request.target.hasPrefix("/v1/files/large")
                try connection.send(isLarge ? answers.problem(.insufficientStorage) : answers.answer(to: request))
            }
        }
        var settings = Self.settings
        if method == "POST" { settings.inPartsAbove = 1000 }
        let outcome = try await station.run(to: receiver.port, settings: settings)
        #expect(outcome.sent.sorted() == Self.names)
        #expect(outcome.failures.count == 1)
        #expect(outcome.gaveUp?.files == large.count - 1)
        #expect(store.all.filter { $0.method == method && $0.target.hasPrefix("/v1/files/large") }.count <= 4)
        #expect(station.waitingFiles == large)
    }

    @Test("for a moment gets what comes after it has room again")
    func roomAgain() {
        var room = ReceiverRoom()
        #expect(room.isThere(for: .max - 1))
        room.missed(100, reason: "full")
        room.missed(500, reason: "fuller")
        #expect(room.isThere(for: 99))
        #expect(!room.isThere(for: 100))
        room.found(99)
        #expect(!room.isThere(for: 100))
        room.found(100)
        #expect(room.isThere(for: 1000))
        #expect(room.lack == "full")
    }
}

@Suite("What a station that stays says")
struct LoopReportTests {
    @Test("is not what it said of the same file at the look before")
    func once() throws {
        let told = Mutex<[SendEvent]>([])
        let report = LoopReport { event in told.withLock { $0.append(event) } }
        let full = SendEvent.failed(.notSent("a", reason: "full"), file: "a")
        let other = SendEvent.failed(.notSent("b", reason: "full"), file: "b")
        let broken = SendEvent.failed(.notSent("a", reason: "broken"), file: "a")
        let away = SendEvent.failed(.notADirectory("data", reason: "gone"), file: nil)
        for event in [full, other, full, other, broken, away, away, full, full] { report(event) }
        #expect(told.withLock { $0 } == [full, other, broken, away, full])

        let pause = SendEvent.pausing(.seconds(1), reason: "busy")
        let longer = SendEvent.pausing(.seconds(2), reason: "busy")
        told.withLock { $0 = [] }
        for event in [pause, longer, pause] { report(event) }
        #expect(told.withLock { $0 } == [pause])

        let path = try UploadPath(segments: ["a"])
        let receipt = Receipt(
            pi: PiName("pi-01")!, path: path, size: 0, digest: .ofNothing, received: 0, result: .created)
        told.withLock { $0 = [] }
        for event in [SendEvent.sent(path, receipt: receipt, keptAs: nil), full, other, pause] { report(event) }
        #expect(told.withLock { $0.dropFirst() } == [full, pause])
    }
}
