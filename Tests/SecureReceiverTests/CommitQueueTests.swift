import Foundation
import Logging
import NIOCore
import NIOPosix
import OpenSSL
import Synchronization
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@testable import SecureReceiver

@Suite("The queue of what blocks on the disk")
struct CommitQueueTests {
    private let busy = PiName("pi-01")!
    private let other = PiName("pi-02")!

    @Test("lets another Pi's work through while all that one Pi may have done hangs, and forgets none of it")
    func isFair() async throws {
        let commits = CommitQueue(threads: 4)
        let (hangs, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let done = Atomic(0)
        for number in 1...100 {
            commits.submit(.init(pi: busy, path: try UploadPath(segments: ["\(number)"]))) {
                hangs.signal()
                goOn.wait()
                done.add(1, ordering: .relaxed)
            }
        }
        try await blocking { for _ in 1...2 { hangs.wait() } }
        for number in 1...20 {
            try await blocking {
                let isDone = DispatchSemaphore(value: 0)
                commits.submit(.init(pi: other, path: try UploadPath(segments: ["\(number)"]))) { isDone.signal() }
                isDone.wait()
            }
        }
        #expect(hangs.wait(timeout: .now()) == .timedOut)
        let doneMeanwhile = done.load(ordering: .relaxed)
        #expect(doneMeanwhile == 0)
        for _ in 1...100 { goOn.signal() }
        try await commits.stop()
        let doneAtLast = done.load(ordering: .relaxed)
        #expect(doneAtLast == 100)
    }

    @Test("does the work of one file in its order, from however many threads it comes")
    func keepsOrder() async throws {
        let commits = CommitQueue(threads: 8)
        let order = Mutex<[Int]>([])
        let key = CommitQueue.Key(pi: busy, path: try UploadPath(segments: ["a"]))
        for number in 0..<500 {
            commits.submit(key) { order.withLock { $0.append(number) } }
            commits.run(for: busy) {}
        }
        try await commits.stop()
        let done = order.withLock { $0 }
        #expect(done == Array(0..<500))
    }

    @Test("lets go of what a piece of work held when that is done, though its thread goes on with the next")
    func letsGo() async throws {
        let commits = CommitQueue(threads: 1)
        // On the thread for readings, so that there is one for all else.
        let (reads, hasRead) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        commits.submit(for: busy, path: nil) { mayRead in
            guard mayRead else { return .hasToRead }
            reads.signal()
            hasRead.wait()
            return .done
        }
        try await blocking { reads.wait() }
        let isLetGo = Atomic(false)
        let wasLetGo = Atomic(false)
        let goOn = DispatchSemaphore(value: 0)
        submit(holding: Resource { isLetGo.store(true, ordering: .relaxed) }, to: commits) { goOn.wait() }
        commits.run(for: other) {
            wasLetGo.store(isLetGo.load(ordering: .relaxed), ordering: .relaxed)
            hasRead.signal()
        }
        goOn.signal()
        try await commits.stop()
        let before = wasLetGo.load(ordering: .relaxed)
        #expect(before)
    }

    private func submit(holding resource: Resource, to commits: CommitQueue, _ work: @escaping CommitQueue.Work) {
        commits.run(for: busy) { withExtendedLifetime(resource) { work() } }
    }

    @Test(
        "does again what has to read a large file, when it may, and only then what waits for that", arguments: [1, 3])
    func readsWhenItMay(turns: Int) async throws {
        let commits = CommitQueue(threads: 2)
        let order = Mutex<[String]>([])
        let path = try UploadPath(segments: ["a"])
        commits.submit(for: busy, path: path) { mayRead in
            order.withLock { order in
                order.append(mayRead ? "read" : "tried")
                return order.count > turns ? .done : .hasToRead
            }
        }
        commits.submit(for: busy, path: path) { mayRead in
            order.withLock { $0.append("next") }
            return .done
        }
        try await commits.stop()
        let done = order.withLock { $0 }
        #expect(done == ["tried"] + Array(repeating: "read", count: turns) + ["next"])
    }

    @Test("still does what comes after it was stopped")
    func worksOn() async throws {
        let commits = CommitQueue(threads: 2)
        try await commits.stop()
        let count = Atomic(0)
        for _ in 1...5 { commits.run(for: busy) { count.add(1, ordering: .relaxed) } }
        let done = count.load(ordering: .relaxed)
        #expect(done == 5)
    }

    @Test("does nothing about a file whose announcement nobody waits for any more", arguments: [true, false])
    func skipsWhatNobodyWaitsFor(isClosed: Bool) async throws {
        let (folder, _, _) = try RunningReceiver.deployment()
        let (receiver, credentials) = try Receiver.forTests(in: folder)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let channel = try await DatagramBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        let file = AnnouncedFile(
            pi: busy, path: try UploadPath(segments: ["a"]), size: 5, digest: .ofNothing, modified: nil)
        let goOn = DispatchSemaphore(value: 0)
        let answers = Mutex<[Int]>([])
        receiver.commits.submit(.init(file)) { goOn.wait() }
        let context = ReceiptSignature.Context(
            status: 201, method: "POST", authority: "a", path: "/v1/files/a", requestDigest: .ofNothing)
        receiver.answer(
            .announce(file, context), Logger(label: "test"), credentials: credentials, on: channel,
            then: { response in answers.withLock { $0.append(response.status) } })
        if isClosed { try await channel.close() }
        goOn.signal()
        try await receiver.commits.stop()
        // What was to be said on the event loop is said before this comes round.
        try await group.next().submit {}.get()
        let statuses = answers.withLock { $0 }
        #expect(statuses == (isClosed ? [] : [201]))
        #expect(try (receiver.store.partials.status(of: PartialKey(file)) == nil) == isClosed)
        if !isClosed { try await channel.close() }
        try await group.shutdownGracefully()
    }
}

private final class Resource: Sendable {
    private let letGo: @Sendable () -> Void

    init(_ letGo: @escaping @Sendable () -> Void) { self.letGo = letGo }

    deinit { letGo() }
}
