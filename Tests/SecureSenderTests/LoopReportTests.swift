import CommandSupport
import OpenSSL
import Synchronization
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("What a station that stays says")
struct LoopReportTests {
    @Test("is not what it said of the same file at the look before")
    func once() throws {
        let told = Mutex<[SendEvent]>([])
        let report = LoopReport { event in told.withLock { $0.append(event) } }
        let full = SendEvent.failed(.notSent("a", reason: "full"), file: "a")
        let other = SendEvent.failed(.notSent("b", reason: "full"), file: "b")
        let broken = SendEvent.failed(.notSent("a", reason: "broken"), file: "a")
        let away = SendEvent.failed(.notADirectory("data", reason: "gone"), file: nil)
        for event in [full, other, full, other, broken, away, away, full, full] { report(event) }
        #expect(told.withLock { $0 } == [full, other, broken, away, full])

        let pause = SendEvent.pausing(.seconds(1), reason: "busy")
        let longer = SendEvent.pausing(.seconds(2), reason: "busy")
        told.withLock { $0 = [] }
        for event in [pause, longer, pause] { report(event) }
        #expect(told.withLock { $0 } == [pause])

        let path = try UploadPath(segments: ["a"])
        let receipt = Receipt(
            pi: PiName("pi-01")!, path: path, size: 0, digest: .ofNothing, received: 0, result: .created)
        told.withLock { $0 = [] }
        for event in [SendEvent.sent(path, receipt: receipt, keptAs: nil), full, other, pause] { report(event) }
        #expect(told.withLock { $0.dropFirst() } == [full, pause])
    }

    @Test("is once a day that a clock is wrong or a certificate ends, however often it is found")
    func lasting() {
        var now = Uptime(sinceStart: .seconds(1000))
        var told: [SendEvent] = []
        let report = LoopReport(now: { now }, { told.append($0) })
        func certificate(_ holder: SendEvent.CertificateHolder, _ seconds: Int64) -> SendEvent {
            .certificateEnds(holder, time: 1_795_373_193, remaining: .seconds(seconds))
        }
        func lookTwice() -> [SendEvent] {
            told = []
            for second in 1...2 as ClosedRange<Int64> {
                report(.clockIsWrong(behind: 500 + second, isSynchronised: false))
                report(certificate(.pi, 90_000 - second))
                report(certificate(.receiver, 90_000 - second))
                now = now + .seconds(60)
            }
            return told
        }
        let first: [SendEvent] = [
            .clockIsWrong(behind: 501, isSynchronised: false), certificate(.pi, 89_999), certificate(.receiver, 89_999),
        ]
        #expect(lookTwice() == first)
        #expect(lookTwice() == [])
        now = now + .seconds(86_400)
        #expect(lookTwice() == first)
    }
}
