import Files
import Synchronization
import UploadProtocol

/// Moves files on a thread of its own, so that the network does not wait for the disk.
///
/// What comes within `gatheringTime`, or while other files are moved, is moved together and shares its syncs: these are what
/// takes time, and what wears a card.
final class Mover {
    struct Moved: Sendable {
        let acknowledged: AcknowledgedFile
        let outcome: MoveOutcome
    }

    static let gatheringTime: Duration = .milliseconds(50)
    /// Files: each has its receipt open.
    static let mostAtOnce = 256
    /// Receipts and folders: half of what the process may have open.
    static let mostOpenAtOnce = min(512, DescriptorLimit.raise() / 2)

    private let line: MoveLine
    /// `nil` where there is none to be had: each file is then moved when it comes.
    private let thread: BackgroundThread?
    /// Files that came and whose outcome was not taken.
    private(set) var count = 0

    init(_ sentFiles: SentFiles) {
        let line = MoveLine(sentFiles)
        self.line = line
        thread = line.hasEvents ? BackgroundThread { line.work() } : nil
    }

    /// Waits for what came to be moved.
    deinit {
        line.end()
        thread?.join()
    }

    /// Readable if there are outcomes.
    var descriptor: FileDescriptor? { line.hasMoved?.descriptor }

    func move(_ files: [AcknowledgedFile]) {
        guard !files.isEmpty else { return }
        count += files.count
        line.add(files)
        if thread == nil { while line.moveBatch() {} }
    }

    /// In the order in which the files came.
    func takeMoved() -> [Moved] {
        let moved = line.takeMoved()
        count -= moved.count
        return moved
    }

    /// No more will come: the rest is moved at once.
    func hurry() {
        line.end()
    }

    /// Returns when there are outcomes, after `time`, or if there is nothing to wait for.
    func wait(atMost time: Duration) {
        if thread != nil, count > 0 { line.hasMoved?.wait(atMost: time) }
    }
}

/// The files that wait and what became of those before, for both threads.
private final class MoveLine: Sendable {
    private struct State {
        var waiting: [AcknowledgedFile] = []
        var moved: [Mover.Moved] = []
        var isEnding = false

        var isToBeMovedAtOnce: Bool { isEnding || waiting.count >= Mover.mostAtOnce }
    }

    private let sentFiles: SentFiles
    private let state = Mutex(State())
    private let hasCome = Event()
    let hasMoved = Event()

    init(_ sentFiles: SentFiles) {
        self.sentFiles = sentFiles
    }

    var hasEvents: Bool { hasCome != nil && hasMoved != nil }

    func add(_ files: [AcknowledgedFile]) {
        let isAwaited = state.withLock { state in
            defer { state.waiting += files }
            return state.waiting.isEmpty || state.waiting.count + files.count >= Mover.mostAtOnce
        }
        if isAwaited { hasCome?.signal() }
    }

    func takeMoved() -> [Mover.Moved] {
        hasMoved?.clear()
        return state.withLock { state in
            defer { state.moved = [] }
            return state.moved
        }
    }

    func end() {
        state.withLock { $0.isEnding = true }
        hasCome?.signal()
    }

    /// Until nothing waits and no more comes.
    func work() {
        while true {
            let (count, mayGather, isEnding) = state.withLock { ($0.waiting.count, !$0.isToBeMovedAtOnce, $0.isEnding) }
            if count > 0 {
                if mayGather { hasCome?.wait(atMost: Mover.gatheringTime) }
                if moveBatch() { hasMoved?.signal() }
            } else if isEnding {
                return
            } else {
                hasCome?.wait()
            }
        }
    }

    /// False if nothing waits.
    func moveBatch() -> Bool {
        let batch = state.withLock { state in
            let batch = Array(state.waiting.prefix(state.waiting.batchSize))
            state.waiting.removeFirst(batch.count)
            return batch
        }
        guard !batch.isEmpty else { return false }
        let moved = zip(batch, sentFiles.move(batch)).map { Mover.Moved(acknowledged: $0, outcome: $1) }
        state.withLock { $0.moved += moved }
        return true
    }
}

extension [AcknowledgedFile] {
    /// How many of the first may be moved together.
    fileprivate var batchSize: Int {
        var folders: Set<[String]> = []
        for (index, file) in prefix(Mover.mostAtOnce).enumerated() {
            var parents = file.file.path.segments.dropLast()
            while !parents.isEmpty, folders.insert([String](parents)).inserted { parents.removeLast() }
            // Each folder on both sides.
            guard index == 0 || index + 1 + 2 * folders.count <= Mover.mostOpenAtOnce else { return index }
        }
        return Swift.min(count, Mover.mostAtOnce)
    }
}
