import CommandSupport
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("A file that the receiver cannot write", .timeLimit(.minutes(1)))
struct UnwrittenFileTests {
    private static let names = (0..<50).map { "file\($0 + 100)" }

    private static var settings: SenderSettings {
        var settings = SenderSettings.quick
        settings.requestsInFlight = 4
        return settings
    }

    private func receiver(of station: Station, into store: Store, refusing count: Int) throws -> ScriptedReceiver {
        let refused = Set(Self.names.prefix(count).map { "/v1/files/\($0)" })
        return try station.listen(into: store) { answers, request in
            refused.contains(request.target) ? answers.problem(.storageFailed) : try answers.answer(to: request)
        }
    }

    /// Without a synchronised clock requests go one at a time at first.
    @Test("holds up no other: it is sent again after all of them, and failed by name", arguments: [true, false])
    func one(isSynchronised: Bool) async throws {
        let station = try Station(names: Self.names)
        let store = Store()
        let receiver = try receiver(of: station, into: store, refusing: 1)
        let now = Int64(Date().timeIntervalSince1970)
        let clock = SenderClock(
            isSynchronised: isSynchronised, systemTime: now, bundleTime: now, lastReceipt: nil, now: .now)
        let outcome = try await station.run(to: receiver.port, settings: Self.settings, clock: clock)
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.sent == Array(Self.names.dropFirst()))
        #expect(outcome.failures.map(\.message) == ["\(Self.names[0]) could not be sent"])
        #expect(outcome.failures.first?.reason?.hasPrefix("the receiver could not write it to its disk (500 ") == true)
        let own = store.targets.indices.filter { store.targets[$0].hasSuffix(Self.names[0]) }
        #expect(own == [0, Self.names.count, Self.names.count + 1])
        #expect(outcome.gaveUp == nil)
    }

    @Test("holds up no other if there are many of them either")
    func many() async throws {
        let station = try Station(names: Self.names)
        let receiver = try receiver(of: station, into: Store(), refusing: 20)
        let outcome = try await station.run(to: receiver.port, settings: Self.settings)
        #expect(outcome.sent.sorted() == Array(Self.names.dropFirst(20)))
        #expect(outcome.failures.map(\.message).sorted() == Self.names.prefix(20).map { "\($0) could not be sent" })
    }

    @Test("is left alone by the next look, and so are all that were tried before the run gave up")
    func nextLook() async throws {
        let station = try Station(names: Array(Self.names.prefix(3)))
        let store = Store()
        let receiver = try receiver(of: station, into: store, refusing: 2)
        var settings = StationSettings.quick
        settings.sender.giveUpAfter = .milliseconds(1)
        settings.sender.shortestBackoff = .seconds(100)
        settings.sender.longestBackoff = .seconds(100)
        settings.sender.requestsInFlight = 2
        let sender = try station.sender(to: receiver.port, settings: settings) { _ in }
        #expect(try sender.send().pause != nil)
        _ = try sender.send()
        #expect(station.waitingFiles == Array(Self.names.prefix(2)))
        let targets = store.targets
        #expect(Self.names.prefix(2).map { name in targets.filter { $0.hasSuffix(name) }.count } == [1, 1])
    }

    @Test("is not the only one where the whole disk is at fault: all pause, and one after the other is tried")
    func wholeDisk() async throws {
        let station = try Station(names: Self.names)
        let store = Store()
        let receiver = try receiver(of: station, into: store, refusing: Self.names.count)
        var settings = SenderSettings.impatient
        settings.requestsInFlight = 64
        let outcome = try await station.run(to: receiver.port, settings: settings)
        #expect(outcome.failures == [])
        #expect(outcome.gaveUp?.files == Self.names.count)
        #expect(outcome.gaveUp?.reason.hasPrefix("file1") == true)
        #expect(outcome.gaveUp?.reason.contains(": the receiver could not write it to its disk (500 ") == true)
        #expect(station.waitingFiles == Self.names)
    }
}
