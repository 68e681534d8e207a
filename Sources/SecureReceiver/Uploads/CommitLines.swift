import NIOCore
import UploadProtocol

/// What waits for a thread, and which piece is next. Of one file the pieces come one after the other.
///
/// What reads files that may be of many GiB has threads of its own, of which a Pi gets one: no other upload waits for readings,
/// however many Pis want them. Those read in turn, some of a file each time.
struct CommitLines {
    struct Piece {
        /// `nil`: the receiver's own.
        let pi: PiName?
        /// Of the file that it is about, if its order counts.
        let path: UploadPath?
        /// Whether it may take as long as the disk needs for a large file.
        var isReading: Bool
        let work: CommitQueue.ReadingWork

        var file: CommitQueue.Key? {
            guard let pi, let path else { return nil }
            return CommitQueue.Key(pi: pi, path: path)
        }
    }

    private var threads: ThreadShares
    private var readers: ThreadShares
    /// Behind each file that a piece is about, those that wait for that one.
    private var behind: [CommitQueue.Key: CircularBuffer<Piece>] = [:]

    /// Threads for readings, beside as many for everything else. More would only make a disk seek.
    static func readers(beside threads: Int) -> Int { max(1, min(8, threads / 2)) }

    init(threads: Int) {
        self.threads = ThreadShares(threads: threads)
        readers = ThreadShares(threads: Self.readers(beside: threads), mostOfOnePi: 1)
    }

    /// Whether threads of both kinds are free and nobody waits for one.
    var hasRoom: Bool { threads.hasRoom && readers.hasRoom }

    /// Whether nothing is under way and nothing waits.
    var isIdle: Bool { threads.isIdle && readers.isIdle }

    mutating func add(_ piece: Piece) {
        if let file = piece.file {
            guard behind[file] == nil else {
                behind[file]?.append(piece)
                return
            }
            behind[file] = []
        }
        makeReady(piece)
    }

    /// The next piece that may begin, on a thread that is free.
    mutating func begin() -> Piece? { threads.begin() ?? readers.begin() }

    /// Its thread is free again.
    mutating func end(_ piece: Piece) {
        if piece.isReading { readers.end(piece) } else { threads.end(piece) }
        guard let file = piece.file else { return }
        if let next = behind[file]?.popFirst() { makeReady(next) } else { behind[file] = nil }
    }

    /// Its thread is free again, and it comes again, to read: those of its file that wait go on waiting.
    mutating func putOff(_ piece: Piece) {
        if piece.isReading { return readers.putOff(piece) }
        threads.end(piece)
        var reading = piece
        reading.isReading = true
        makeReady(reading)
    }

    private mutating func makeReady(_ piece: Piece) {
        if piece.isReading { readers.add(piece) } else { threads.add(piece) }
    }
}
