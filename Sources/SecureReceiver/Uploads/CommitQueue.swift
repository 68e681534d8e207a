import NIOPosix
import Synchronization
import UploadProtocol

/// Runs the blocking end of uploads on a pool of threads: those of one file in their order, all others side by side, and each Pi's
/// on its share of the threads.
final class CommitQueue: Sendable {
    struct Key: Hashable, Sendable {
        let pi: PiName
        let path: UploadPath
    }

    typealias Work = @Sendable () -> Void

    private let pool: NIOThreadPool
    private let lines: Mutex<CommitLines>
    private let signs: SignsOfLife

    /// `signs`: given whenever something is done.
    init(threads: Int, signs: SignsOfLife = SignsOfLife()) {
        pool = NIOThreadPool(numberOfThreads: threads)
        lines = Mutex(CommitLines(threads: threads))
        self.signs = signs
        pool.start()
    }

    func submit(_ key: Key, _ work: @escaping Work) {
        submit(.init(pi: key.pi, path: key.path, work: work))
    }

    /// What concerns no stored file waits for nothing but a thread. `pi`: for whom it is done, if for one.
    func run(for pi: PiName?, _ work: @escaping Work) {
        submit(.init(pi: pi, path: nil, work: work))
    }

    private func submit(_ piece: CommitLines.Piece) {
        let next = lines.withLock { lines in
            lines.add(piece)
            return lines.begin()
        }
        if let next { start(next) }
    }

    private func start(_ piece: CommitLines.Piece) {
        // A stopped pool calls as well: the work is then done here, rather than forgotten.
        pool.submit { _ in self.work(at: piece) }
    }

    /// At one piece for each job of the pool: what a piece holds, an upload's turn for one, is held until its job ends.
    private func work(at piece: CommitLines.Piece) {
        piece.work()
        // One that ends may make way for two: for another Pi's, and for one of its own Pi, which has a thread less now.
        let (next, further) = lines.withLock { lines in
            lines.end(piece)
            return (lines.begin(), lines.begin())
        }
        signs.give()
        if let next { start(next) }
        if let further { start(further) }
    }

    /// Returns if a thread is free and nobody waits for one, or else as soon as one of them gets on.
    func nextSignOfLife() async {
        await signs.next { lines.withLock { $0.hasRoom } }
    }

    /// Returns when all is done: a pool that is stopped hands out what waits in it, and does not wait for that.
    func stop() async throws {
        while !lines.withLock({ $0.isIdle }) { await signs.next { lines.withLock { $0.isIdle } } }
        try await pool.shutdownGracefully()
    }
}

extension CommitQueue.Key {
    init(_ file: AnnouncedFile) {
        self.init(pi: file.pi, path: file.path)
    }
}
