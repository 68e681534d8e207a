import CommandSupport
import Foundation
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
        let station = try Station(names: Self.names)
        let store = Store()
        let receiver = try station.listen(into: store) { answers, _ in answers.problem(.insufficientStorage) }
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
        let station = try Station(names: Self.names)
        let large = (0..<20).map { "large\($0 + 10)" }
        for name in large { try station.write(String(repeating: name, count: 1000), to: name, age: 1000) }
        let store = Store()
        let receiver = try station.listen(into: store) { answers, request in
            let isLarge = request.target.hasPrefix("/v1/files/large")
            return isLarge ? answers.problem(.insufficientStorage) : try answers.answer(to: request)
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
