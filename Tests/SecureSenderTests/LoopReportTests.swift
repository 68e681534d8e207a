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

    private let started = SendEvent.started(files: 3, bytes: 3, receiver: "https://r:3500", pi: PiName("pi-01")!)

    private func finished(_ sent: Int, waiting: Int) -> SendEvent {
        .finished(sent: sent, waiting: waiting, folder: "/sent_files")
    }

    private func gaveUp(_ reason: String, files: Int = 3) -> SendEvent {
        .gaveUp(reason: reason, files: files, pause: .zero)
    }

    private func sent() throws -> SendEvent {
        let path = try UploadPath(segments: ["a"])
        let receipt = Receipt(
            pi: PiName("pi-01")!, path: path, size: 0, digest: .ofNothing, received: 0, result: .created)
        return .sent(path, receipt: receipt, keptAs: nil)
    }

    /// What is told of each of these looks.
    private func told(ofLooks looks: [[SendEvent]]) -> [[SendEvent]] {
        var told: [SendEvent] = []
        let report = LoopReport { told.append($0) }
        return looks.map { look in
            told = []
            look.forEach(report.callAsFunction)
            return told
        }
    }

    @Test("is nothing of a look that sent nothing and left as much as the one before")
    func idleLooks() throws {
        let sent = try sent()
        let idle = [started, finished(0, waiting: 0)]
        let busy = [started, sent, finished(1, waiting: 0)]
        let leaving = [started, finished(0, waiting: 2)]
        #expect(
            told(ofLooks: [idle, busy, idle, busy, leaving, leaving, idle])
                == [[], busy, [], busy, [finished(0, waiting: 2)], [], [finished(0, waiting: 0)]])
    }

    @Test("is how a look began, once something came of it", arguments: [0, 1, 2])
    func beginning(of kind: Int) throws {
        let failure = SendEvent.failed(.notSent("a", reason: "full"), file: "a")
        let reached = SendEvent.reached(try UploadPath(segments: ["a"]), bytes: 1, size: 2)
        let event = [failure, reached, try sent()][kind]
        let look = [started, SendEvent.connecting, event, event]
        let expected = kind == 0 ? [.connecting, started, event] : [.connecting, started, event, event]
        #expect(told(ofLooks: [look]) == [expected])
    }

    @Test("is once why looks end early, until one does not or the reason is another")
    func givingUp() throws {
        let full = [started, gaveUp("full"), finished(0, waiting: 3)]
        let fuller = [started, gaveUp("full", files: 4), finished(0, waiting: 3)]
        let busy = [started, gaveUp("busy"), finished(0, waiting: 3)]
        let well = [started, try sent(), finished(1, waiting: 3)]
        let told = told(ofLooks: [full, fuller, busy, full, well, full])
        #expect(
            told == [
                [gaveUp("full"), finished(0, waiting: 3)], [], [gaveUp("busy")], [gaveUp("full")], well,
                [gaveUp("full")],
            ])
    }

    @Test("is not the time in a hint, which is another at each look")
    func hints() {
        let failures = [10, 11].map { minute in
            SendEvent.failed(
                .authenticationFailed(reason: "another's certificate", hint: "(judged at 10:\(minute))"), file: nil)
        }
        #expect(told(ofLooks: failures.map { [started, $0] }) == [[started, failures[0]], []])
    }
}
