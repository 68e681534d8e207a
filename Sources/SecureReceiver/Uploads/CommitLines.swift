import NIOCore
import UploadProtocol

/// What waits for one of some threads, and whose turn it is. Of one file the pieces come one after the other; Pis come in turn.
///
/// No Pi may have more threads than are still free: one alone has half of them, two in the long run a third each, and whoever
/// comes next finds one, however long the pieces of the others take. Only if several come while none of these ends may all be
/// taken (of 16 threads 8 + 4 + 2 + 1 + 1): who comes then has the first that is free again.
struct CommitLines {
    struct Piece {
        /// `nil`: the receiver's own.
        let pi: PiName?
        /// Of the file that it is about, if its order counts.
        let path: UploadPath?
        let work: CommitQueue.Work
    }

    private struct Line {
        var ready: CircularBuffer<Piece> = []
        /// Behind each file that a piece is about, those that wait for that one.
        var behind: [UploadPath: CircularBuffer<Piece>] = [:]
        var threads = 0
    }

    private var freeThreads: Int
    private var lines: [PiName?: Line] = [:]
    /// Those with a piece that is ready.
    private var inTurn: CircularBuffer<PiName?> = []

    init(threads: Int) {
        freeThreads = threads
    }

    /// Whether a thread is free and nobody waits for one.
    var hasRoom: Bool { freeThreads > 0 && inTurn.isEmpty }

    /// Whether nothing is under way and nothing waits.
    var isIdle: Bool { lines.isEmpty }

    mutating func add(_ piece: Piece) {
        if let path = piece.path {
            guard lines[piece.pi]?.behind[path] == nil else {
                lines[piece.pi]?.behind[path]?.append(piece)
                return
            }
            lines[piece.pi, default: Line()].behind[path] = []
        }
        makeReady(piece)
    }

    /// The next piece that may begin, on a thread that is free.
    mutating func begin() -> Piece? {
        guard let index = inTurn.firstIndex(where: { lines[$0]?.threads ?? 0 < freeThreads }),
            let piece = lines[inTurn[index]]?.ready.popFirst()
        else { return nil }
        freeThreads -= 1
        lines[piece.pi]?.threads += 1
        inTurn.remove(at: index)
        if lines[piece.pi]?.ready.isEmpty == false { inTurn.append(piece.pi) }
        return piece
    }

    /// Its thread is free again.
    mutating func end(_ piece: Piece) {
        freeThreads += 1
        lines[piece.pi]?.threads -= 1
        if let path = piece.path {
            if let next = lines[piece.pi]?.behind[path]?.popFirst() {
                makeReady(next)
            } else {
                lines[piece.pi]?.behind[path] = nil
            }
        }
        if let line = lines[piece.pi], line.threads == 0, line.ready.isEmpty { lines[piece.pi] = nil }
    }

    private mutating func makeReady(_ piece: Piece) {
        lines[piece.pi, default: Line()].ready.append(piece)
        if lines[piece.pi]?.ready.count == 1 { inTurn.append(piece.pi) }
    }
}
