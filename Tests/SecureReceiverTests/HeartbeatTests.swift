import Foundation
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("A sign of life")
struct HeartbeatTests {
    /// What happened, in its order.
    private final class Events: Sendable {
        private let all = Mutex<[String]>([])
        func add(_ event: String) { all.withLock { $0.append(event) } }
        var list: [String] { all.withLock { $0 } }
    }

    @Test("waits for an event loop that hangs")
    func waitsForEventLoops() async throws {
        try await expectWait { heartbeat, work in heartbeat.eventLoops.next().execute(work) }
    }

    @Test("waits for a pool whose every thread hangs")
    func waitsForPool() async throws {
        let key = CommitQueue.Key(pi: PiName("pi-01")!, path: try UploadPath(percentEncoded: "a"))
        try await expectWait { heartbeat, work in heartbeat.commits.submit(key, work) }
    }

    @Test("waits for a Pi whose every thread hangs while more of its work is to be done")
    func waitsForShare() async throws {
        let pi = PiName("pi-01")
        try await expectWait(threads: 2) { heartbeat, work in
            heartbeat.commits.run(for: pi, work)
            heartbeat.commits.run(for: pi) {}
        }
    }

    private func expectWait(
        threads: Int = 1, _ submit: (Heartbeat, @escaping @Sendable () -> Void) -> Void
    ) async throws {
        let heartbeat = Heartbeat(
            eventLoops: MultiThreadedEventLoopGroup(numberOfThreads: 1), commits: CommitQueue(threads: threads))
        let (events, hangs, goOn) = (Events(), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        submit(heartbeat) {
            hangs.signal()
            goOn.wait()
            events.add("went on")
        }
        try await blocking { hangs.wait() }
        async let beat: Void = {
            await heartbeat.beat()
            events.add("beat")
        }()
        // Another beat would come by now if it did not wait: other tasks run while this one yields.
        for _ in 1...100 { await Task.yield() }
        goOn.signal()
        await beat
        #expect(events.list == ["went on", "beat"])
        try await heartbeat.commits.stop()
        try await heartbeat.eventLoops.shutdownGracefully()
    }

    @Test("comes while one upload syncs for long and others get on")
    func comesBesideSlowWork() async throws {
        let heartbeat = Heartbeat(
            eventLoops: MultiThreadedEventLoopGroup(numberOfThreads: 1), commits: CommitQueue(threads: 2))
        let goOn = DispatchSemaphore(value: 0)
        heartbeat.commits.submit(.init(pi: PiName("pi-01")!, path: try UploadPath(percentEncoded: "a"))) { goOn.wait() }
        await heartbeat.beat()
        goOn.signal()
        try await heartbeat.commits.stop()
        try await heartbeat.eventLoops.shutdownGracefully()
    }

    @Test("comes of a thread that reads on, though it does not get done and others wait for it")
    func comesOfReading() async throws {
        let signs = SignsOfLife()
        let heartbeat = Heartbeat(
            eventLoops: MultiThreadedEventLoopGroup(numberOfThreads: 1), commits: CommitQueue(threads: 1, signs: signs))
        let goOn = DispatchSemaphore(value: 0)
        let isRead = Atomic(false)
        heartbeat.commits.run(for: nil) {
            // A disk that gives a piece now and then.
            while goOn.wait(timeout: .now() + .milliseconds(1)) == .timedOut { signs.give() }
            isRead.store(true, ordering: .relaxed)
        }
        for _ in 1...3 { await heartbeat.beat() }
        let isReadAlready = isRead.load(ordering: .relaxed)
        #expect(!isReadAlready)
        goOn.signal()
        try await heartbeat.commits.stop()
        let isReadAtLast = isRead.load(ordering: .relaxed)
        #expect(isReadAtLast)
        try await heartbeat.eventLoops.shutdownGracefully()
    }
}
