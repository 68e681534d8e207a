import Foundation
import Logging
import OpenSSL
import Synchronization
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@testable import SecureReceiver

@Suite("One identity in two places")
struct IdentitySightingsTests {
    private final class Clock: Sendable {
        private let value = Mutex(ContinuousClock.now)
        var now: ContinuousClock.Instant { value.withLock { $0 } }
        func advance(by duration: Duration) { value.withLock { $0 += duration } }
    }

    private let log = TestLog()
    private let clock = Clock()
    private let sightings: IdentitySightings
    private let pi = PiName("pi-01")!

    init() {
        let (log, clock) = (log, clock)
        sightings = IdentitySightings(logger: Logger(label: "test") { _ in log }, now: { clock.now })
    }

    @Test("is warned of when both connections send after the other began")
    func isNoticed() {
        let first = sightings.begin(pi, from: "192.168.1.20")
        first.hasSent()
        let second = sightings.begin(pi, from: "192.168.1.21")
        second.hasSent()
        #expect(log.lines.isEmpty)
        first.hasSent()
        #expect(log.lines.count == 1)
        let line = log.lines.first ?? ""
        #expect(line.hasPrefix("warning one identity in two places"))
        #expect(line.contains("pi-01") && line.contains("192.168.1.20") && line.contains("192.168.1.21"))
        #expect(line.contains("SD card"))
    }

    @Test("is not: a connection that is dead since the Pi changed its network")
    func isNotAChange() {
        let old = sightings.begin(pi, from: "192.168.1.20")
        for _ in 1...3 { old.hasSent() }
        let new = sightings.begin(pi, from: "10.0.0.5")
        for _ in 1...3 { new.hasSent() }
        #expect(log.lines.isEmpty)
        withExtendedLifetime(old) {}
    }

    @Test("is not: one connection after the other, two from one address, or two Pis")
    func isNotOrdinaryUse() {
        for address in ["a", "b", "a"] { sightings.begin(pi, from: address).hasSent() }
        let (first, second) = (sightings.begin(pi, from: "a"), sightings.begin(pi, from: "a"))
        let other = sightings.begin(PiName("pi-02")!, from: "b")
        for _ in 1...3 { for connection in [first, second, other] { connection.hasSent() } }
        #expect(log.lines.isEmpty)
    }

    @Test("is warned of once an hour for each pair of addresses")
    func isNotRepeated() {
        let connections = ["a", "b"].map { sightings.begin(pi, from: $0) }
        func send() { for _ in 1...10 { for connection in connections { connection.hasSent() } } }
        send()
        #expect(log.lines.count == 1)
        clock.advance(by: .seconds(3599))
        send()
        #expect(log.lines.count == 1)
        clock.advance(by: .seconds(1))
        send()
        #expect(log.lines.count == 2)
        let third = sightings.begin(pi, from: "c")
        third.hasSent()
        connections[0].hasSent()
        #expect(log.lines.count == 3)
        #expect(log.lines.last?.contains("c") == true)
    }

    @Test("is warned of when an upload goes on elsewhere from another address")
    func noticesJumps() throws {
        let path = try UploadPath(segments: ["a"])
        let upload = PartialKey(
            AnnouncedFile(pi: pi, path: path, size: 10, digest: .ofNothing, modified: nil))
        // A change of the network, and a retry.
        sightings.offsetJumped(of: upload, from: "b")
        for address in ["a", "b", "b"] { sightings.partCame(of: upload, from: address) }
        sightings.offsetJumped(of: upload, from: "b")
        #expect(log.lines.isEmpty)
        for _ in 1...3 { sightings.offsetJumped(of: upload, from: "a") }
        #expect(log.lines.count == 1)
    }

    @Test("is warned of when parts of one upload come from two addresses, one connection after the other")
    func noticesJumpsOnTheWire() async throws {
        try await RunningReceiver.run { receiver in
            let body = Array("the whole file".utf8)
            let location = try #require(try await receiver.announce(body, "a").fields["location"])
            let parts = [0..<4, 4..<8, 4..<9].map { receiver.part(body[$0], of: location) }
            let context = try receiver.context(receiver.lab.pi("pi-01"))
            func statuses(_ part: UploadRequest, from addresses: [String]) async throws -> [Int] {
                try await blocking {
                    try addresses.map { address in
                        let client = try RawClient(port: receiver.port, context: context, from: address)
                        try client.send(part.bytes)
                        try client.closeOutput()
                        let status = try client.response().status
                        _ = try client.isClosedByServer()
                        return status
                    }
                }
            }
            #expect(try await statuses(parts[0], from: ["127.0.0.1"]) == [204])
            // A retry of its own, and a Pi that has changed its network.
            #expect(try await statuses(parts[0], from: ["127.0.0.1"]) == [409])
            #expect(try await statuses(parts[1], from: ["127.0.0.2"]) == [204])
            #expect(!receiver.log.lines.contains { $0.contains("one identity in two places") })
            #expect(try await statuses(parts[2], from: ["127.0.0.1", "127.0.0.1"]) == [409, 409])
            let warnings = receiver.log.lines.filter { $0.contains("one identity in two places") }
            #expect(warnings.count == 1)
            #expect(warnings.first?.contains("127.0.0.1") == true && warnings.first?.contains("127.0.0.2") == true)
        }
    }

    @Test("is warned of on real connections, from the address that each really has")
    func isNoticedOnTheWire() async throws {
        try await RunningReceiver.run { receiver in
            let context = try receiver.context(receiver.lab.pi("pi-01"))
            let statuses = try await blocking {
                let clients = try ["127.0.0.1", "127.0.0.2"].map {
                    try RawClient(port: receiver.port, context: context, from: $0)
                }
                var statuses: [Int] = []
                for (number, client) in (clients + clients).enumerated() {
                    try client.send(receiver.request(path: "\(number)").bytes)
                    statuses.append(try client.response().status)
                }
                return statuses
            }
            // A warning, and no more: which of the two is the real one nobody knows.
            #expect(statuses == [201, 201, 201, 201])
            let warnings = receiver.log.lines.filter { $0.contains("one identity in two places") }
            #expect(warnings.count == 1)
            #expect(warnings.first?.contains("127.0.0.1") == true && warnings.first?.contains("127.0.0.2") == true)
        }
    }
}
