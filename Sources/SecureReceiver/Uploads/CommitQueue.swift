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
    /// Work that may have to read a large file.
    typealias ReadingWork = @Sendable (_ mayRead: Bool) -> Outcome

    enum Outcome: Sendable {
        case done
        /// It has to read, or to read more than its turn was for: it is to come again.
        case hasToRead
    }

    private let pool: NIOThreadPool
    private let lines: Mutex<CommitLines>
    private let signs: SignsOfLife

    /// `threads`: for what is short; further ones are for readings. `signs`: given whenever something is done.
    init(threads: Int, signs: SignsOfLife = SignsOfLife()) {
        pool = NIOThreadPool(numberOfThreads: threads + CommitLines.readers(beside: threads))
        lines = Mutex(CommitLines(threads: threads))
        self.signs = signs
        pool.start()
    }

    func submit(_ key: Key, _ work: @escaping Work) {
        submit(for: key.pi, path: key.path) { _ in
            work()
            return .done
        }
    }

    /// What concerns no stored file waits for nothing but a thread. `pi`: for whom it is done, if for one.
    func run(for pi: PiName?, _ work: @escaping Work) {
        submit(for: pi, path: nil) { _ in
            work()
            return .done
        }
    }

    /// What seldom has to read is tried without; if it has to, it comes again, as often as it says so, when it may.
    ///
    /// `path`: of the stored file that it concerns, if it concerns one.
    func submit(for pi: PiName?, path: UploadPath?, _ work: @escaping ReadingWork) {
        submit(.init(pi: pi, path: path, isReading: false, work: work))
    }

    private func submit(_ piece: CommitLines.Piece) {
        lines.withLock { $0.add(piece) }
        startAll()
    }

    private func startAll() {
        while let next = lines.withLock({ $0.begin() }) { start(next) }
    }

    private func start(_ piece: CommitLines.Piece) {
        // A stopped pool calls as well: the work is then done here, rather than forgotten.
        pool.submit { _ in self.work(at: piece) }
    }

    /// At one piece for each job of the pool: what a piece holds, an upload's turn for one, is held until its job ends.
    private func work(at piece: CommitLines.Piece) {
        let outcome = piece.work(piece.isReading)
        lines.withLock { lines in
            switch outcome {
            case .done: lines.end(piece)
            case .hasToRead: lines.putOff(piece)
            }
        }
        signs.give()
        startAll()
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
