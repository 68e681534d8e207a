import Glibc
import Logging
import ServiceLifecycle
import UnixSignals

/// What signals make the receiver do: SIGHUP reloads, SIGTERM or Ctrl-C stops, a second one stops without waiting.
struct Signals {
    private let hangUps: UnixSignalsSequence
    private let stops: UnixSignalsSequence
    /// Closing a terminal sends SIGHUP too.
    private let hasTerminal = isatty(STDIN_FILENO) == 1

    /// From here on these signals do nothing else.
    init() async {
        hangUps = await UnixSignalsSequence(trapping: .sighup)
        stops = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    }

    /// Until the task is cancelled. A stop waits for no reload: not behind a thousand of them.
    func handle(for service: ReceiverService, in group: ServiceGroup) async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await handleHangUps(for: service, in: group) }
            var stoppedAt: ContinuousClock.Instant?
            for await _ in stops {
                if let stoppedAt {
                    // timeout(1) and others send one signal twice, to the process and to its group.
                    if .now - stoppedAt > .milliseconds(500) { service.stopAtOnce() }
                } else {
                    stoppedAt = .now
                    tasks.cancelAll()
                    await group.triggerGracefulShutdown()
                }
            }
        }
    }

    private func handleHangUps(for service: ReceiverService, in group: ServiceGroup) async {
        for await _ in hangUps {
            // What came before the stop is still handed out.
            guard !Task.isCancelled else { return }
            if !hasTerminal || isatty(STDIN_FILENO) == 1 {
                service.reload()
            } else {
                await group.triggerGracefulShutdown()
            }
        }
    }
}
