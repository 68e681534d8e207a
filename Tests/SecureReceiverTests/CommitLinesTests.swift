import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("The threads that commit uploads")
struct CommitLinesTests {
    private func piece(_ pi: Int, _ path: Int? = nil, isReading: Bool = false) throws -> CommitLines.Piece {
        .init(
            pi: PiName("pi-\(pi)"), path: try path.map { try UploadPath(segments: ["\($0)"]) }, isReading: isReading,
            work: { _ in .done })
    }

    /// Whether nothing more may begin.
    private func isSaturated(_ lines: CommitLines) -> Bool {
        var copy = lines
        return copy.begin() == nil
    }

    /// Adds as many pieces, each of a file of its own, and returns those that begin.
    private func add(
        _ count: Int, of pi: Int, isReading: Bool = false, to lines: inout CommitLines
    ) throws -> [CommitLines.Piece] {
        try (0..<count).compactMap { number in
            lines.add(try piece(pi, number, isReading: isReading))
            return lines.begin()
        }
    }

    @Test("are half of them one Pi's at most, and at least one")
    func areShared() throws {
        for (threads, share) in [(1, 1), (2, 1), (3, 2), (8, 4), (16, 8)] {
            var lines = CommitLines(threads: threads)
            let begun = try add(100, of: 1, to: &lines).count
            #expect(begun == share)
            #expect(isSaturated(lines))
            #expect(!lines.hasRoom)
        }
    }

    @Test("are there for whoever comes next, though others have more to do than threads, and nothing of it ends")
    func areKeptFree() throws {
        var lines = CommitLines(threads: 16)
        let begun = try (1...5).map { try add(100, of: $0, to: &lines).count }
        #expect(begun == [8, 4, 2, 1, 1])
        // As many at once fill them: then it is by turns.
        let sixth = try add(1, of: 6, to: &lines)
        #expect(sixth.isEmpty)
    }

    @Test("come to each Pi in turn, however much one asks for")
    func areTakenInTurn() throws {
        var lines = CommitLines(threads: 1)
        var begun = try add(100, of: 1, to: &lines)
        for pi in 2...4 { begun += try add(2, of: pi, to: &lines) }
        #expect(begun.count == 1)
        var working = try #require(begun.first)
        var order: [String] = []
        for _ in 1...8 {
            lines.end(working)
            let next = lines.begin()
            working = try #require(next)
            order.append(try #require(working.pi).text)
        }
        #expect(order == ["pi-1", "pi-2", "pi-3", "pi-4", "pi-1", "pi-2", "pi-3", "pi-4"])
    }

    @Test("do the pieces of one file in their order and never two at once, those of others meanwhile")
    func keepOrder() throws {
        var lines = CommitLines(threads: 16)
        func begin(_ lines: inout CommitLines) -> UploadPath? { lines.begin()?.path }
        let (seven, eight) = (try UploadPath(segments: ["7"]), try UploadPath(segments: ["8"]))
        for _ in 1...3 { lines.add(try piece(1, 7)) }
        let (first, none) = (begin(&lines), begin(&lines))
        #expect(first == seven)
        #expect(none == nil)
        #expect(lines.hasRoom)
        lines.add(try piece(1, 8))
        let another = begin(&lines)
        #expect(another == eight)
        // Another Pi's file of that name is another file; and what is about no file waits for none.
        lines.add(try piece(2, 7))
        lines.add(try piece(1))
        let (others, noFile) = (lines.begin()?.pi, lines.begin()?.pi)
        #expect([others, noFile] == [PiName("pi-2"), PiName("pi-1")])
        for _ in 1...2 {
            lines.end(try piece(1, 7))
            let (next, none) = (begin(&lines), begin(&lines))
            #expect(next == seven)
            #expect(none == nil)
        }
    }

    @Test("for readings are others, of which each Pi has one, so that no reading keeps an upload waiting")
    func readElsewhere() throws {
        var lines = CommitLines(threads: 16)
        let readings = try (1...10).flatMap { try add(20, of: $0, isReading: true, to: &lines) }
        #expect(readings.count == 8)
        #expect(Set(readings.map(\.pi)).count == 8)
        let begun = try (1...3).map { pi in
            try (20..<40).count { number in
                lines.add(try piece(pi, number))
                return lines.begin() != nil
            }
        }
        #expect(begun == [8, 4, 2])
        // Who had its turn waits for those who came meanwhile.
        var ended = readings[0]
        let order = try (1...4).map { _ in
            lines.end(ended)
            let next = lines.begin()
            ended = try #require(next)
            #expect(ended.isReading)
            #expect(isSaturated(lines))
            return ended.pi
        }
        #expect(order == [1, 9, 10, 1].map { PiName("pi-\($0)") })
    }

    @Test("read by turns: what was put off goes on before all else of its Pi, after the others had theirs")
    func readByTurns() throws {
        var lines = CommitLines(threads: 2)
        for pi in 1...3 { for path in 1...2 { lines.add(try piece(pi, path, isReading: true)) } }
        let order = try (1...7).map { _ in
            let begun = lines.begin()
            let piece = try #require(begun)
            #expect(isSaturated(lines))
            lines.putOff(piece)
            return "\(try #require(piece.pi)) \(try #require(piece.path))"
        }
        #expect(order == ["pi-1 1", "pi-2 1", "pi-3 1", "pi-1 1", "pi-2 1", "pi-3 1", "pi-1 1"])
        for expected in ["pi-2 1", "pi-3 1", "pi-1 1", "pi-2 2", "pi-3 2", "pi-1 2"] {
            let begun = lines.begin()
            let piece = try #require(begun)
            #expect("\(try #require(piece.pi)) \(try #require(piece.path))" == expected)
            lines.end(piece)
        }
        #expect(lines.isIdle)
    }

    @Test("go on with what was put off before others of its file")
    func keepOrderOfWhatIsPutOff() throws {
        var lines = CommitLines(threads: 4)
        lines.add(try piece(1, 7))
        lines.add(try piece(1, 7))
        let begun = lines.begin()
        lines.putOff(try #require(begun))
        let again = lines.begin()
        #expect(again?.isReading == true)
        #expect(isSaturated(lines))
        lines.end(try #require(again))
        let next = lines.begin()
        #expect(next?.isReading == false)
    }

    @Test("take what is about one file in its order, whether it reads or not")
    func keepOrderOfReadings() throws {
        var lines = CommitLines(threads: 4)
        lines.add(try piece(1, 7, isReading: true))
        lines.add(try piece(1, 7))
        lines.add(try piece(1, 7, isReading: true))
        for isReading in [true, false, true] {
            let begun = lines.begin()
            #expect(begun?.isReading == isReading)
            #expect(isSaturated(lines))
            lines.end(try #require(begun))
        }
        #expect(lines.isIdle)
    }

    @Test("never stand idle over what may begin: one that comes starts one at most, one that ends three")
    func areSaturated() throws {
        for threads in 1...9 {
            var lines = CommitLines(threads: threads)
            var (working, added, begun): ([CommitLines.Piece], Int, Int) = ([], 0, 0)
            func start(_ most: Int, _ lines: inout CommitLines) {
                for _ in 0..<most {
                    guard let piece = lines.begin() else { break }
                    working.append(piece)
                    begun += 1
                }
                #expect(isSaturated(lines))
                #expect(working.count { !$0.isReading } <= threads)
                #expect(working.count { $0.isReading } <= CommitLines.readers(beside: threads))
            }
            for _ in 1...2000 {
                if Bool.random() || working.isEmpty {
                    let file = Bool.random() ? Int.random(in: 1...3) : nil
                    lines.add(try piece(Int.random(in: 1...4), file, isReading: Int.random(in: 1...4) == 1))
                    added += 1
                    start(1, &lines)
                } else {
                    lines.end(working.remove(at: Int.random(in: working.indices)))
                    start(3, &lines)
                }
                let files = working.compactMap { piece in piece.path.map { "\(piece.pi?.text ?? "-")/\($0)" } }
                #expect(Set(files).count == files.count)
            }
            while let piece = working.popLast() {
                lines.end(piece)
                start(3, &lines)
            }
            #expect(begun == added)
            #expect(lines.hasRoom)
        }
    }
}
