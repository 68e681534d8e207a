import CommandSupport
import UploadProtocol

/// What a loop says, day after day: nothing of what is as it was at the look before, and once a day what stays so for weeks.
final class LoopReport {
    /// Hints may hold the time, which is another at each look.
    private struct Reason: Hashable {
        let message: String
        let reason: String?
    }

    private enum Lasting: Hashable {
        case wrongClock
        case certificateEnd(SendEvent.CertificateHolder)
    }

    private let report: (SendEvent) -> Void
    private let now: () -> Uptime
    private var beingWritten = 0
    /// Of each file that could not be sent, why; that of no file counts too.
    private var failures: [String?: Reason] = [:]
    private var pauseReason: String?
    /// Why this look and the one before ended early.
    private var ends: (now: String?, before: String?)
    /// The last look's beginning, as long as nothing came of it.
    private var started: SendEvent?
    /// Files that were left at the end of the last look.
    private var waiting = 0
    /// More are forgotten, and told again.
    private static let mostFailures = 1000
    private var lastTold: [Lasting: Uptime] = [:]

    init(now: @escaping () -> Uptime = { .now }, _ report: @escaping (SendEvent) -> Void) {
        self.report = report
        self.now = now
    }

    func callAsFunction(_ event: SendEvent) {
        switch event {
        case .nothingToSend, .waitingForQuiet: return
        case .beingWritten(let files):
            guard files != beingWritten else { return }
            beingWritten = files
        case .started:
            started = event
            ends = (nil, ends.now)
            return
        case .finished(_, let left, _):
            guard started.take() == nil || left != waiting else { return }
            waiting = left
        case .gaveUp(let reason, _, _):
            ends.now = reason
            guard reason != ends.before else { return }
        case .failed(let failure, let file):
            if failures.count >= Self.mostFailures { failures = [:] }
            let reason = Reason(message: failure.message, reason: failure.reason)
            guard failures.updateValue(reason, forKey: file) != reason else { return }
            tellOfStart()
        case .reached: tellOfStart()
        case .pausing(_, let reason):
            guard reason != pauseReason else { return }
            pauseReason = reason
        case .sent(let path, _, _):
            tellOfStart()
            failures[path.description] = nil
            failures[nil] = nil
            pauseReason = nil
        case .clockIsWrong:
            guard isDue(.wrongClock) else { return }
        case .certificateEnds(let holder, _, _):
            guard isDue(.certificateEnd(holder)) else { return }
        default: break
        }
        report(event)
    }

    private func tellOfStart() {
        started.take().map(report)
    }

    private func isDue(_ lasting: Lasting) -> Bool {
        let time = now()
        if let last = lastTold[lasting], time - last < .seconds(86_400) { return false }
        lastTold[lasting] = time
        return true
    }
}
