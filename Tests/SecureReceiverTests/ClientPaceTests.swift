import NIOCore
import Testing

@testable import SecureReceiver

@Suite("A client's pace")
struct ClientPaceTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let limits = ClientLimits()

    private func at(_ seconds: Int64) -> NIODeadline { Self.start + .seconds(seconds) }

    private func connected() -> ClientPace {
        var pace = ClientPace(limits)
        pace.handshakeCompleted(at(0))
        pace.readBegan(at(0))
        return pace
    }

    /// A read that brought the head of an upload, whose signature was good if `isTrusted`.
    private func uploading(isTrusted: Bool = true, awaitsGoAhead: Bool = false) -> ClientPace {
        var pace = connected()
        pace.headCame(awaitsGoAhead: awaitsGoAhead, at(0))
        if isTrusted { pace.trust() }
        pace.readEnded(broughtPieceOfHead: false, at(0))
        pace.readBegan(at(0))
        return pace
    }

    @Test("has no clock during the handshake, which has one of its own")
    func handshake() {
        var pace = ClientPace(limits)
        pace.readBegan(at(0))
        #expect(pace.deadline == nil)
        #expect(pace.fault(at(1000)) == nil)
    }

    @Test("may be nothing for 120 s, if it has not asked for anything yet")
    func idle() {
        var pace = connected()
        #expect(pace.isIdle)
        #expect(pace.deadline == at(120))
        #expect(pace.fault(at(119)) == nil)
        #expect(pace.fault(at(120)) == .idle)
        #expect(pace.fault(at(121)) == nil)
    }

    @Test("may be nothing for 10 s after an answer that needed no signature, for 120 s after another one")
    func idleAfterAnswer() {
        for (isTrusted, seconds) in [(false, Int64(10)), (true, 120)] {
            var pace = uploading(isTrusted: isTrusted)
            pace.requestEnded(at(1))
            #expect(!pace.isIdle)
            #expect(pace.deadline == nil)
            pace.answerWritten(at(2))
            pace.answerOut(at(3))
            #expect(pace.isIdle)
            #expect(pace.deadline == at(3 + seconds))
        }
    }

    @Test("is 10 s for a head, from its first byte to its last, however often a byte comes")
    func head() {
        var pace = connected()
        for second in 50..<60 {
            pace.readEnded(broughtPieceOfHead: true, at(Int64(second)))
            pace.readBegan(at(Int64(second)))
            #expect(pace.fault(at(Int64(second))) == nil)
        }
        #expect(pace.deadline == at(60))
        #expect(pace.fault(at(60)) == .head)
    }

    @Test("is 1 KiB a second for a body, over each 30 s")
    func body() {
        var pace = uploading()
        #expect(pace.deadline == at(30))
        pace.bodyCame(30 * 1024)
        #expect(pace.fault(at(30)) == nil)
        #expect(pace.deadline == at(60))
        pace.bodyCame(30 * 1024 - 1)
        #expect(pace.fault(at(60)) == .body)
    }

    @Test("is looked at after 10 s if the client has shown no good signature")
    func refusedBody() {
        var pace = uploading(isTrusted: false)
        pace.bodyCame(10 * 1024 - 1)
        #expect(pace.fault(at(10)) == .body)
    }

    @Test("does not count the time for which it is not read")
    func heldBack() {
        var pace = uploading()
        pace.readEnded(broughtPieceOfHead: false, at(20))
        #expect(pace.deadline == nil)
        #expect(pace.fault(at(500)) == nil)
        pace.readBegan(at(500))
        #expect(pace.deadline == at(510))
        #expect(pace.fault(at(510)) == .body)
    }

    @Test("does not count the time for which the client waits for 100 (Continue)")
    func awaitingGoAhead() {
        var pace = uploading(awaitsGoAhead: true)
        #expect(pace.fault(at(100)) == nil)
        pace.goAheadGiven(at(100))
        #expect(pace.deadline == at(130))
    }

    @Test("is 30 s for taking what was answered; what is answered meanwhile has its own 30 s")
    func answers() {
        var pace = uploading()
        pace.requestEnded(at(0))
        for second: Int64 in [1, 5] {
            pace.headCame(awaitsGoAhead: false, at(second))
            pace.requestEnded(at(second))
        }
        for second: Int64 in [1, 2, 20] { pace.answerWritten(at(second)) }
        #expect(pace.deadline == at(31))
        pace.answerOut(at(30))
        #expect(pace.fault(at(31)) == nil)
        #expect(pace.deadline == at(60))
        pace.answerOut(at(59))
        #expect(pace.fault(at(60)) == .answers)
    }
}
