import CommandSupport
import Files

/// Housekeeping as a run does it: by the best time that it knows, and telling what came of it.
struct Tidying {
    let sentFolder: Folder
    let identity: PiIdentity
    /// `nil`: all stays.
    let limits: SentLimits?
    let stop: StopSignal

    init(of sentFolder: Folder, identity: PiIdentity, limits: SentLimits?, stop: StopSignal = StopSignal()) {
        self.sentFolder = sentFolder
        self.identity = identity
        self.limits = limits
        self.stop = stop
    }

    func run(_ report: (SendEvent) -> Void) {
        guard let outcome = look(removes: true) else { return }
        if outcome.removed > 0 { report(.sentFilesRemoved(files: outcome.removed, bytes: outcome.freed)) }
        if let (path, doubt) = outcome.kept.told.first {
            report(
                .warning(
                    "\(counted(outcome.kept.count, "sent file")) not removed, such as \(CommandOutput.oneLine(path)): \(doubt)"
                ))
        }
        if let error = outcome.unreadable.told.first {
            report(
                .warning(
                    "Not all sent files could be looked through to remove old ones: \(CommandOutput.oneLine("\(error)"))"
                        + (outcome.unreadable.count > 1 ? ", and \(outcome.unreadable.count - 1) more" : "")))
        }
    }

    /// `nil` if nothing is to go; `removes`: else `tell` alone is called for what would.
    func look(removes: Bool, tell: (String) -> Void = { _ in }) -> Housekeeping.Outcome? {
        guard let limits else { return nil }
        let clock = SenderClock(
            bundleTime: identity.made, lastReceipt: LastReceiptTime(folder: sentFolder.path).load())
        return Housekeeping(of: sentFolder, pi: identity.name, limits: limits, now: clock.time(at: .now), stop: stop)
            .run(removes: removes, tell: tell)
    }
}
