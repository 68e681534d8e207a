import ArgumentParser
import CommandSupport
import NIOCore
import Testing
import UploadStore

@testable import SecureReceiver

@Suite("The options for limits")
struct LimitOptionsTests {
    private static let budget = DescriptorBudget(descriptors: 1024, eventLoops: 2)

    @Test("have the defaults that the limits state")
    func defaults() throws {
        let limits = try LimitOptions.parse([]).clientLimits(Self.budget)
        let stated = ClientLimits()
        #expect(limits.handshakeTime == stated.handshakeTime)
        #expect(limits.headTime == stated.headTime)
        #expect(limits.idleTime == stated.idleTime)
        #expect(limits.bodyRate == stated.bodyRate)
        #expect(limits.requestsInFlight == stated.requestsInFlight)
        #expect(limits.connectionsPerPi == stated.connectionsPerPi)
        #expect(limits.keptFree == stated.keptFree)
        #expect(limits.filesPerDay == nil)
        #expect(limits.bytesPerDay == nil)
    }

    @Test("set each limit")
    func all() throws {
        let options = try LimitOptions.parse([
            "--max-size", "2GiB", "--keep-free", "10GB", "--files-per-day", "5", "--bytes-per-day", "1kB",
            "--connections", "40", "--connections-per-pi", "3", "--uploads", "7", "--requests-in-flight", "9",
            "--handshake-time", "1", "--header-time", "2", "--min-rate", "0", "--idle-time", "4",
        ])
        let limits = options.clientLimits(Self.budget)
        #expect(options.maxSize?.bytes == 2 << 30)
        #expect(options.uploads == 7)
        #expect(limits.keptFree == .bytes(10_000_000_000))
        #expect(limits.filesPerDay == 5)
        #expect(limits.bytesPerDay == 1000)
        #expect(limits.connections == 40)
        #expect(limits.handshakes == 10)
        #expect(limits.connectionsPerPi == 3)
        #expect(limits.requestsInFlight == 9)
        #expect(limits.handshakeTime == .seconds(1))
        #expect(limits.headTime == .seconds(2))
        #expect(limits.bodyRate == 0)
        #expect(limits.idleTime == .seconds(4))
    }

    @Test(
        "refuse what is no amount",
        arguments: [
            ["--keep-free", "100%"], ["--keep-free", "-1%"], ["--keep-free", "lots"], ["--max-size", "-1"],
            ["--max-size", "5 GB"], ["--max-size", "9000000000TB"], ["--bytes-per-day", "1.5GB"],
            ["--connections", "0"], ["--connections-per-pi", "0"], ["--idle-time", "0"], ["--header-time", "-1"],
            ["--files-per-day", "0"], ["--uploads", "0"], ["--min-rate", "2GiB"],
        ])
    func refuses(arguments: [String]) {
        #expect(throws: (any Error).self) { try LimitOptions.parse(arguments) }
    }

    @Test("never give more than the descriptors allow", arguments: [64, 256, 1024, 20_000, 1_048_576])
    func budget(descriptors: Int) throws {
        let budget = DescriptorBudget(descriptors: descriptors, eventLoops: 2)
        let files = budget.uploads + DescriptorBudget.filesOfCommit * budget.syncThreads
        let own = DescriptorBudget.own + 2 * DescriptorBudget.ofEventLoop
        #expect(budget.connections + files + own <= descriptors)
        #expect(budget.connections >= 10)
        #expect(budget.uploads >= 16)
        let limits = try LimitOptions.parse(["--connections", "1000000000"]).clientLimits(budget)
        #expect(limits.connections == budget.connections)
    }
}
