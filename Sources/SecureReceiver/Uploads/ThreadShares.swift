import NIOCore
import UploadProtocol

/// Some threads, and the pieces of work that wait for one. Pis come in turn.
///
/// No Pi may have more than are still free: one alone has half of them, two in the long run a third each, and whoever comes next
/// finds one, however long the pieces of the others take. Only if several come while none of these ends may all be taken (of 16
/// threads 8 + 4 + 2 + 1 + 1): who comes then has the first that is free again.
struct ThreadShares {
    private struct Line {
        var ready: CircularBuffer<CommitLines.Piece> = []
        var threads = 0
    }

    private let mostOfOnePi: Int
    private var freeThreads: Int
    private var lines: [PiName?: Line] = [:]
    /// Those with a piece that is ready.
    private var inTurn: CircularBuffer<PiName?> = []

    init(threads: Int, mostOfOnePi: Int = .max) {
        freeThreads = threads
        self.mostOfOnePi = mostOfOnePi
    }

    /// Whether a thread is free and nobody waits for one.
    var hasRoom: Bool { freeThreads > 0 && inTurn.isEmpty }

    /// Whether nothing is under way and nothing waits.
    var isIdle: Bool { lines.isEmpty }

    mutating func add(_ piece: CommitLines.Piece) {
        lines[piece.pi, default: Line()].ready.append(piece)
        if lines[piece.pi]?.ready.count == 1 { inTurn.append(piece.pi) }
    }

    /// The next piece that may begin, on a thread that is free.
    mutating func begin() -> CommitLines.Piece? {
        guard let index = inTurn.firstIndex(where: { lines[$0]?.threads ?? 0 < min(freeThreads, mostOfOnePi) }),
            let piece = lines[inTurn[index]]?.ready.popFirst()
        else { return nil }
        freeThreads -= 1
        lines[piece.pi]?.threads += 1
        inTurn.remove(at: index)
        if lines[piece.pi]?.ready.isEmpty == false { inTurn.append(piece.pi) }
        return piece
    }

    /// Its thread is free again, for who is next; when its Pi's turn comes, it goes on before all else of that Pi.
    mutating func putOff(_ piece: CommitLines.Piece) {
        lines[piece.pi]?.ready.prepend(piece)
        if lines[piece.pi]?.ready.count == 1 { inTurn.append(piece.pi) }
        end(piece)
    }

    /// Its thread is free again.
    mutating func end(_ piece: CommitLines.Piece) {
        freeThreads += 1
        lines[piece.pi]?.threads -= 1
        if let line = lines[piece.pi], line.threads == 0, line.ready.isEmpty { lines[piece.pi] = nil }
    }
}
