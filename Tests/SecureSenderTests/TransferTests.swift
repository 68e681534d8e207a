import Glibc
import OpenSSL
import Testing
import UploadProtocol

@testable import SecureSender

private func transfer(size: Int = 100) throws -> Transfer {
    var status = stat()
    status.st_size = size
    return Transfer(
        Upload(
            file: OutgoingFile(
                path: try UploadPath(segments: ["large"]), fingerprint: Fingerprint(status), digest: .ofNothing)))
}

extension Transfer {
    /// Announced, and told that the receiver holds `offset` bytes.
    fileprivate static func begun(at offset: Int64, size: Int = 100) throws -> Transfer {
        var transfer = try transfer(size: size)
        transfer.begin(.announce)
        _ = transfer.reached(offset, by: .announce)
        return transfer
    }

    /// Begins the part that comes next.
    fileprivate mutating func beginPart(size: Int64) throws -> Exchange.Request {
        let offset = try #require(nextOffset)
        let part = Exchange.Request.part(
            FilePart(offset: offset, size: size, digest: .ofNothing, isLast: offset + size == file.size))
        begin(part)
        return part
    }
}

@Suite("A file in parts")
struct TransferTests {
    @Test("is announced first, and goes on where the receiver says")
    func announced() throws {
        var transfer = try transfer()
        #expect(transfer.wantsAnnouncement)
        #expect(transfer.nextOffset == nil)
        transfer.begin(.announce)
        #expect(!transfer.wantsAnnouncement)
        #expect(transfer.nextOffset == nil)
        let step = transfer.reached(30, by: .announce)
        #expect(step == .goesOn(gained: 30))
        #expect(transfer.nextOffset == 30)
    }

    @Test("has a part on its way while another is made durable, and none behind the last")
    func pipelined() throws {
        var transfer = try Transfer.begun(at: 0)
        let first = try transfer.beginPart(size: 40)
        _ = try transfer.beginPart(size: 60)
        #expect(transfer.nextOffset == nil)
        #expect(transfer.isEnding)
        let step = transfer.reached(40, by: first)
        #expect(step == .goesOn(gained: 40))
        #expect(transfer.confirmed == 40)
        #expect(transfer.nextOffset == nil)
    }

    @Test("ends with an empty part where all bytes have come and the file could not be stored")
    func emptyLastPart() throws {
        var transfer = try Transfer.begun(at: 100)
        #expect(transfer.nextOffset == 100)
        _ = try transfer.beginPart(size: 0)
        #expect(transfer.nextOffset == nil)
    }

    @Test("waits, after an offset that it did not expect, for all that is under way, and goes on there")
    func misplaced() throws {
        var transfer = try Transfer.begun(at: 0)
        _ = try transfer.beginPart(size: 20)
        _ = try transfer.beginPart(size: 20)
        expectEqual(transfer.misplaced(goOnAt: 10), .goesOn(gained: 0))
        #expect(transfer.nextOffset == nil)
        #expect(!transfer.wantsAnnouncement)
        expectEqual(transfer.misplaced(goOnAt: 10), .goesOn(gained: 10))
        #expect(transfer.nextOffset == 10)
    }

    @Test("is announced again, once nothing is under way, where the receiver does not know it")
    func lost() throws {
        var transfer = try Transfer.begun(at: 50)
        _ = try transfer.beginPart(size: 20)
        _ = try transfer.beginPart(size: 20)
        expectEqual(transfer.lost(), .goesOn(gained: 0))
        #expect(!transfer.wantsAnnouncement)
        expectEqual(transfer.lost(), .goesOn(gained: 0))
        #expect(transfer.wantsAnnouncement)
        transfer.begin(.announce)
        // What was lost there counts as gained only when it goes beyond what was held before.
        expectEqual(transfer.reached(0, by: .announce), .goesOn(gained: 0))
        let part = try transfer.beginPart(size: 60)
        expectEqual(transfer.reached(60, by: part), .goesOn(gained: 10))
    }

    @Test("is stuck after surprises in a row that gain nothing, and not when something was gained between")
    func stuck() throws {
        var transfer = try Transfer.begun(at: 0)
        for round in 0..<3 {
            for _ in 0..<Transfer.mostSurprises {
                _ = try transfer.beginPart(size: 1)
                expectEqual(transfer.misplaced(goOnAt: Int64(round)), .goesOn(gained: 0))
            }
            let part = try transfer.beginPart(size: 1)
            expectEqual(transfer.reached(Int64(round) + 1, by: part), .goesOn(gained: 1))
        }
        for _ in 0..<Transfer.mostSurprises {
            transfer.begin(.announce)
            _ = transfer.lost()
        }
        transfer.begin(.announce)
        expectEqual(transfer.lost(), .stuck)
    }

    @Test("takes an answer that does not fit what was asked for a surprise")
    func unexpectedAnswers() throws {
        var transfer = try Transfer.begun(at: 0)
        let part = try transfer.beginPart(size: 10)
        // As if only half of it had come.
        expectEqual(transfer.reached(5, by: part), .goesOn(gained: 0))
        #expect(transfer.confirmed == 0)
        #expect(transfer.wantsAnnouncement)
        // The last part is answered by a receipt.
        var ending = try Transfer.begun(at: 90)
        let last = try ending.beginPart(size: 10)
        expectEqual(ending.reached(100, by: last), .goesOn(gained: 0))
        #expect(ending.wantsAnnouncement)
    }

    @Test("asks again after a broken connection, whatever was under way, and counts breaks that gained nothing")
    func disconnected() throws {
        var transfer = try Transfer.begun(at: 0)
        _ = try transfer.beginPart(size: 10)
        _ = try transfer.beginPart(size: 10)
        expectEqual(transfer.disconnected(isSuspect: true), 1)
        #expect(transfer.underWay == 0)
        #expect(transfer.wantsAnnouncement)
        expectEqual(transfer.disconnected(isSuspect: false), 1)
        expectEqual(transfer.disconnected(isSuspect: true), 2)
        transfer.begin(.announce)
        expectEqual(transfer.reached(7, by: .announce), .goesOn(gained: 7))
        expectEqual(transfer.disconnected(isSuspect: true), 1)
    }

    @Test("keeps its offset while the receiver can take nothing, and tries a corrected time once")
    func postponed() throws {
        var transfer = try Transfer.begun(at: 40)
        _ = try transfer.beginPart(size: 10)
        transfer.postponed()
        #expect(transfer.wantsAnnouncement)
        #expect(transfer.confirmed == 40)
        transfer.begin(.announce)
        expectEqual(transfer.retryWithCorrectedTime(), true)
        transfer.begin(.announce)
        expectEqual(transfer.retryWithCorrectedTime(), false)
    }
}
