import Logging
import ServiceLifecycle
import UploadProtocol

/// What goes on beside the serving, for as long as the receiver runs.
struct Upkeep: Sendable {
    let manager: ServiceManager?
    let heartbeat: Heartbeat
    let identifiers: WatchedFiles<IdentifierList>
    let credentials: WatchedFiles<Credentials>
    let refusals: RefusalLog
    let status: @Sendable () -> String
    let logger: Logger

    /// Until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await lookAfter() }
            if let manager, let interval = manager.watchdogInterval {
                group.addTask { await keepTelling(manager, every: interval / 2) }
            }
        }
    }

    /// Half the time, as sd_watchdog_enabled(3) advises. Where a heartbeat does not come back, no word goes out.
    private func keepTelling(_ manager: ServiceManager, every interval: Duration) async {
        while !Task.isCancelled {
            await heartbeat.beat()
            manager.isAlive()
            try? await Task.sleep(for: interval)
        }
    }

    private func lookAfter() async {
        var toldOfEnd = ContinuousClock.now
        while true {
            do { try await Task.sleep(for: .seconds(10)) } catch { return }
            // Who edits a file wants to hear of a mistake, also where no Pi connects at the moment.
            _ = identifiers.current
            _ = credentials.current
            refusals.tellOfOthers(to: logger)
            manager?.status(status())
            if .now - toldOfEnd > .seconds(86_400) {
                credentials.current.warnOfEnd(logger: logger)
                toldOfEnd = .now
            }
        }
    }
}
