import OpenSSL
import Synchronization
import Testing
import UploadProtocol
import UploadStore

@testable import SecureReceiver

@Suite("Turns at an upload")
struct UploadTurnsTests {
    private final class Record: Sendable {
        private let turns = Mutex<[UploadTurn]>([])
        private let ends = Mutex(0)

        func begin(_ turn: UploadTurn) { turns.withLock { $0.append(turn) } }
        func end() { ends.withLock { $0 += 1 } }
        func pass() { _ = turns.withLock { $0.removeFirst() } }
        var begun: Int { turns.withLock { $0.count } }
        var ended: Int { ends.withLock { $0 } }
        var first: UploadTurn? { turns.withLock { $0.first } }
    }

    private func key(_ number: UInt8) -> PartialKey {
        PartialKey(pi: PiName("pi-01")!, id: UploadID(SHA256.digest(of: [number]).hex)!)
    }

    @Test("are taken one after the other at one upload, at once at another")
    func areInOrder() {
        let turns = UploadTurns()
        let (one, other) = (Record(), Record())
        for _ in 0..<3 { turns.take(key(1), one.begin) }
        turns.take(key(2), other.begin)
        #expect(one.begun == 1)
        #expect(other.begun == 1)
        for _ in 0..<3 {
            one.pass()
            #expect(one.begun <= 1)
        }
        #expect(one.begun == 0)
        turns.take(key(1), one.begin)
        #expect(one.begun == 1)
    }

    @Test("are passed on at once when a newer request comes, by one that waits for a thread; by one that has it, soon")
    func arePassedOn() throws {
        for hasThread in [false, true] {
            let turns = UploadTurns()
            let (older, newer) = (Record(), Record())
            turns.take(key(1), older.begin)
            let waiting = WaitingTurn(try #require(older.first))
            older.first?.mayEnd { waiting.giveUp() }
            older.pass()
            do {
                let turn = try #require(waiting.take())
                if !hasThread { #expect(waiting.putBack(turn)) }
                if hasThread {
                    turns.take(key(1), newer.begin)
                    #expect(waiting.isGivenUp)
                    #expect(newer.begun == 0)
                    #expect(!waiting.putBack(turn))
                }
            }
            if !hasThread { turns.take(key(1), newer.begin) }
            #expect(newer.begun == 1)
            #expect(waiting.take() == nil)
        }
    }

    @Test("are ended when a newer request comes, if they only wait for their sender")
    func areEnded() {
        let turns = UploadTurns()
        let record = Record()
        turns.take(key(1), record.begin)
        record.first?.mayEnd(by: record.end)
        #expect(record.ended == 0)
        turns.take(key(1), record.begin)
        #expect(record.ended == 1)
        record.first?.goesOn()
        turns.take(key(1), record.begin)
        #expect(record.ended == 1)
        // Its turn comes, and another one waits already.
        record.pass()
        record.first?.mayEnd(by: record.end)
        #expect(record.ended == 2)
        record.pass()
        record.first?.mayEnd(by: record.end)
        #expect(record.ended == 2)
    }
}
