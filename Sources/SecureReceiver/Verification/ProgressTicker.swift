import CommandSupport
import Dispatch
import Glibc
import Synchronization
import UploadStore

/// Says on standard error how far a verification is: on a terminal in one line that changes, else a line a minute.
final class ProgressTicker: Sendable {
    private let verification: StoreVerification
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let start = ContinuousClock.now
    private let isStopped = Mutex(false)
    // Its own: the threads of the global queues are all at work.
    private let queue = DispatchQueue(label: "progress")

    init(_ verification: StoreVerification) {
        self.verification = verification
        tickLater()
    }

    /// Runs `body`, which says something else, while nobody else says anything.
    func interrupt(_ body: () -> Void) {
        isStopped.withLock { _ in
            clear()
            body()
        }
    }

    func stop() {
        isStopped.withLock { isStopped in
            isStopped = true
            clear()
        }
    }

    private func tickLater() {
        queue.asyncAfter(deadline: .now() + .milliseconds(isTerminal ? 250 : 60_000)) { [weak self] in
            self?.tick()
        }
    }

    private func tick() {
        let goesOn = isStopped.withLock { isStopped in
            if !isStopped { say() }
            return !isStopped
        }
        if goesOn { tickLater() }
    }

    private func say() {
        let progress = verification.progress
        let elapsed = Double((ContinuousClock.now - start) / .milliseconds(1)) / 1000
        let speed = formattedSize(Int64(Double(progress.bytes) / max(elapsed, 0.001)))
        let line =
            "\(counted(progress.sound, "file")) sound, \(formattedSize(progress.bytes)), \(speed)/s, "
            + counted(progress.faults, "fault")
        guard isTerminal else { return CommandOutput.complain("So far: \(line)") }
        write("\r\u{1B}[K\(line)")
    }

    private func clear() {
        if isTerminal { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        _ = text.utf8.withContiguousStorageIfAvailable { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
