import CommandSupport
import UploadProtocol

/// What of a run is said, and in which words.
struct EventWords: Sendable {
    enum Line: Hashable {
        /// To standard output.
        case output(String)
        /// To standard error.
        case error(String)
    }

    let verbosity: ReportOptions.Verbosity?

    /// `isListed`: whether each file has its line.
    func lines(_ event: SendEvent, isListed: Bool) -> [Line] {
        if let trouble = trouble(event) { return [.error(trouble)] }
        guard verbosity != .quiet else { return [] }
        if let interruption = interruption(event) { return [.error(interruption)] }
        if let result = result(event, isListed: isListed) { return [.output(result)] }
        return verbosity == .verbose ? detail(event).map { [.output($0)] } ?? [] : []
    }

    /// What somebody has to know, however little they want to be told.
    private func trouble(_ event: SendEvent) -> String? {
        switch event {
        case .failed(let failure, _): failure.description
        case .warning(let sentence): sentence
        case .gaveUp(let reason, let files, let pause):
            "\(counted(files, "file")) left for the next run: \(CommandOutput.oneLine(reason))"
                + (pause >= .seconds(1) ? "\n  hint: it makes sense in \(roundedTime(pause)) at the earliest" : "")
        case .clockIsWrong(let behind, let isSynchronised):
            "\(isSynchronised ? "This Pi's clock or the receiver's" : "This Pi's clock") is wrong: it is "
                + "\(roundedTime(.seconds(behind.magnitude))) \(behind < 0 ? "ahead of" : "behind") the receiver's, which is "
                + "used for this run\n  hint: timedatectl shows whether this Pi gets its time from the network"
        case .certificateEnds(let holder, let time, let remaining):
            "Warning: \(holder == .pi ? "this Pi's" : "the receiver's") certificate "
                + (remaining > .zero ? "ends in \(roundedTime(remaining)), on" : "ended on")
                + " \(HTTPDate.format(time))\n"
                + "  hint: `provision renew` on the computer that made it; without it nothing can be sent from then on"
        default: nil
        }
    }

    /// What is not about a file, and needs nobody.
    private func interruption(_ event: SendEvent) -> String? {
        let least: Duration = verbosity == .verbose ? .zero : .seconds(1)
        return switch event {
        case .reconnecting(let pause, let reason) where pause >= least:
            "Reconnecting \(pause > .zero ? "in \(exactTime(pause))" : "at once"): \(CommandOutput.oneLine(reason))"
        case .pausing(let pause, let reason) where pause >= least:
            "Pausing for \(exactTime(pause)): \(CommandOutput.oneLine(reason))"
        case .notice(let sentence): sentence
        default: nil
        }
    }

    private func result(_ event: SendEvent, isListed: Bool) -> String? {
        switch event {
        case .started(let files, _, let receiver, let pi):
            "Sending \(counted(files, "file")) to \(receiver) as \(pi)"
        case .sent(let path, let receipt, let keptAs) where isListed || keptAs != nil:
            "  \(CommandOutput.oneLine(path.description))  \(formattedSize(receipt.size))  "
                + (receipt.result == .unchanged ? "already there" : "sent")
                + (keptAs.map { ", kept as \(CommandOutput.oneLine($0))" } ?? "")
        case .waitingForQuiet(let files, let quietTime):
            "\(counted(files, "file")) changed a moment ago; waiting until unchanged for \(roundedTime(quietTime))"
        case .beingWritten(let files):
            "\(counted(files, "file")) still being written, left for the next run"
        case .finished(let sent, let waiting, let folder):
            "\(counted(sent, "file")) sent" + (sent == 0 ? "" : ", moved to \(CommandOutput.oneLine(folder))")
                + (waiting == 0 ? "" : "; \(waiting) left for the next run")
        case .sentFilesRemoved(let files, let bytes):
            "\(counted(files, "sent file")) removed, \(formattedSize(bytes))"
        case .nothingToSend(let folder):
            "There is nothing to send in \(CommandOutput.oneLine(folder))"
        default: nil
        }
    }

    /// For who wants to see everything.
    private func detail(_ event: SendEvent) -> String? {
        switch event {
        case .connecting: "Connecting"
        case .waiting(let silence): "  waiting for the receiver, \(exactTime(silence)) by now"
        case .connected(let cipherSuite): "Connected: TLS 1.3, \(cipherSuite)"
        case .moving(let files): "  moving \(counted(files, "file"))"
        case .begun(let path, let size, true):
            "  \(CommandOutput.oneLine(path.description))  \(formattedSize(size))  begun"
        default: nil
        }
    }
}
