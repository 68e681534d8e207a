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
        expectEqual(room.admits(.max - 1), true)
        room.missed(100, reason: "full", at: start)
        room.missed(500, reason: "fuller", at: start)
        expectEqual(room.admits(99), true)
        expectEqual(room.admits(100), false)
        room.found(99)
        expectEqual(room.admits(100), false)
        #expect(room.leftCount == 2)
        room.found(100)
        expectEqual(room.admits(1000), true)
        #expect(room.lack == "full")
    }

    private let start = Uptime(sinceStart: .seconds(1000))

    @Test(
        "is believed that for a while that doubles, the longer the more it would cost to ask again",
        arguments: [(1 << 10, 300), (1 << 30, 1024), (1 << 40, 3600)] as [(Int64, Int64)])
    func pauses(bytes: Int64, longest: Int64) {
        var (room, now) = (ReceiverRoom(), start)
        for seconds in [60, 120, 240, 480, 960, 1920, 3840, 3840] as [Int64] {
            room.missed(bytes, reason: "full", at: now)
            let end = now + .seconds(min(seconds, longest))
            #expect(room.retryTime == end)
            #expect(room.later(at: end + .seconds(-1)).lack == "full")
            now = end
            room = room.later(at: now)
            #expect(room.lack == nil)
            expectEqual(room.admits(bytes), true)
        }
        room.missed(1 << 40, reason: "full", at: now)
        room.missed(1, reason: "full", at: now)
        #expect(room.retryTime.map { $0 <= now + .seconds(300) } == true)
    }

    @Test("is not asked again for a file that was taken away")
    func removedFile() throws {
        let station = try Station(files: ["a": "large"])
        let receiver = try station.listen { answers, _ in answers.problem(.insufficientStorage) }
        let sender = try station.sender(to: receiver.port) { _ in }
        let before = Uptime.now
        _ = try sender.send()
        let time = try #require(sender.retryTime(after: before))
        unlink(station.folder("data/a"))
        _ = try sender.send()
        expectEqual(sender.retryTime(after: time), nil)
    }

    @Test("is not asked again at the next look, which sends what is smaller")
    func nextLook() throws {
        let station = try Station(files: ["a": "large", "b": "larger"])
        let store = Store()
        let receiver = try station.listen(into: store) { answers, request in
            request.body.count >= 5 ? answers.problem(.insufficientStorage) : try answers.answer(to: request)
        }
        var settings = StationSettings.quick
        settings.sender.requestsInFlight = 1
        var events: [SendEvent] = []
        let sender = try station.sender(to: receiver.port, settings: settings) { events.append($0) }
        _ = try sender.send()
        #expect(store.targets == ["/v1/files/a"])
        try station.write("new", to: "c")
        try station.write("newer", to: "d")
        #expect(try sender.send().sent == 1)
        #expect(store.targets == ["/v1/files/a", "/v1/files/c"])
        #expect(station.waitingFiles == ["a", "b", "d"])
        events = []
        #expect(try sender.send().status == .temporaryFailure)
        #expect(store.all.count == 2)
        #expect(RunOutcome(status: nil, failure: nil, events: events).gaveUp?.files == 3)
    }
}
