import Glibc
import Logging
import ServiceLifecycle
import UnixSignals

/// What signals make the receiver do: SIGHUP reloads, SIGTERM or Ctrl-C stops, a second one stops without waiting.
struct Signals {
    private let sequence: UnixSignalsSequence
    /// Closing a terminal sends SIGHUP too.
    private let hasTerminal = isatty(STDIN_FILENO) == 1

    /// From here on these signals do nothing else.
    init() async {
        sequence = await UnixSignalsSequence(trapping: .sighup, .sigterm, .sigint)
    }

    /// Until the task is cancelled.
    func handle(for service: ReceiverService, in group: ServiceGroup) async {
        var stoppedAt: ContinuousClock.Instant?
        for await signal in sequence {
            let isHangUp = signal == .sighup
            if let stoppedAt {
                // timeout(1) and others send one signal twice, to the process and to its group.
                if !isHangUp, .now - stoppedAt > .milliseconds(500) { service.stopAtOnce() }
            } else if isHangUp, !hasTerminal || isatty(STDIN_FILENO) == 1 {
                service.reload()
            } else {
                stoppedAt = .now
                await group.triggerGracefulShutdown()
            }
        }
    }
}
