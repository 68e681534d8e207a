import NIOCore
import NIOPosix
import Synchronization
import UploadProtocol

/// Runs the blocking end of uploads on a pool of threads: those of one file in their order, all others side by side.
final class CommitQueue: Sendable {
    struct Key: Hashable, Sendable {
        let pi: PiName
        let path: UploadPath
    }

    typealias Work = @Sendable () -> Void

    private let pool: NIOThreadPool
    /// Behind each key that is being worked at, what waits for it.
    private let waiting = Mutex<[Key: CircularBuffer<Work>]>([:])
    private let awaitingCompletion = Mutex<[CheckedContinuation<Void, Never>]>([])

    init(threads: Int) {
        pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
    }

    func submit(_ key: Key, _ work: @escaping Work) {
        let isFirst = waiting.withLock { waiting in
            if waiting[key] == nil {
                waiting[key] = []
                return true
            }
            waiting[key]?.append(work)
            return false
        }
        if isFirst { run(key, work) }
    }

    /// What concerns no stored file waits for nothing else.
    func run(_ work: @escaping Work) {
        pool.submit { _ in work() }
    }

    private func run(_ key: Key, _ work: @escaping Work) {
        // A stopped pool calls as well: the work is then done here, rather than forgotten.
        pool.submit { _ in
            work()
            self.tellOfCompletion()
            let next = self.waiting.withLock { waiting in
                let next = waiting[key]?.popFirst()
                if next == nil { waiting[key] = nil }
                return next
            }
            if let next { self.run(key, next) }
        }
    }

    /// Returns as soon as a thread of the pool has done something: what was submitted, or this.
    func nextCompletion() async {
        await withCheckedContinuation { continuation in
            awaitingCompletion.withLock { $0.append(continuation) }
            pool.submit { _ in self.tellOfCompletion() }
        }
    }

    private func tellOfCompletion() {
        let continuations = awaitingCompletion.withLock { continuations in
            defer { continuations = [] }
            return continuations
        }
        for continuation in continuations { continuation.resume() }
    }

    func stop() async throws {
        try await pool.shutdownGracefully()
    }
}

extension CommitQueue.Key {
    init(_ file: AnnouncedFile) {
        self.init(pi: file.pi, path: file.path)
    }
}
