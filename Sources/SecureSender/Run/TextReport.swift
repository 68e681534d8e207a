import CommandSupport
import UploadProtocol

/// Tells people.
struct TextReport: Sendable {
    func callAsFunction(_ event: SendEvent) {
        switch event {
        case .started(let files, let receiver, let pi):
            CommandOutput.say("Sending \(counted(files, "file")) to \(receiver) as \(pi)")
        case .sent(let path, let size, let wasThere, let keptAs):
            let kept = keptAs.map { ", kept as \(CommandOutput.oneLine($0))" } ?? ""
            CommandOutput.say(
                "  \(CommandOutput.oneLine(path.description))  \(formattedSize(size))  \(wasThere ? "already there" : "sent")\(kept)"
            )
        case .failed(let failure, _):
            CommandOutput.complain(failure)
        case .notice(let sentence):
            CommandOutput.complain(sentence)
        case .waitingForQuiet(let files, let quietTime):
            CommandOutput.say(
                "Waiting: \(counted(files, "file")) changed a moment ago, to be sent once unchanged for "
                    + roundedTime(quietTime))
        case .beingWritten(let files):
            CommandOutput.say("\(counted(files, "file")) still being written, left for the next run")
        case .finished(let sent, let waiting, let folder):
            let rest = waiting == 0 ? "" : "; \(waiting) left for the next run"
            let place = sent == 0 ? "" : ", moved to \(CommandOutput.oneLine(folder))"
            CommandOutput.say("\(counted(sent, "file")) sent\(place)\(rest)")
        case .sentFilesRemoved(let files, let bytes):
            CommandOutput.say("\(counted(files, "sent file")) removed, \(formattedSize(bytes))")
        case .nothingToSend(let folder):
            CommandOutput.say("There is nothing to send in \(CommandOutput.oneLine(folder))")
        case .connecting, .connected, .hashing, .begun, .reached, .waiting:
            break
        default:
            if let trouble = trouble(event) { CommandOutput.complain(trouble) }
        }
    }

    private func trouble(_ event: SendEvent) -> String? {
        switch event {
        case .reconnecting(let pause, let reason) where pause >= .seconds(1):
            "Reconnecting in \(roundedTime(pause)): \(CommandOutput.oneLine(reason))"
        case .pausing(let pause, let reason) where pause >= .seconds(1):
            "Pausing for \(roundedTime(pause)): \(CommandOutput.oneLine(reason))"
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
}

/// `17 minutes`, `3 days`: in the largest unit of which there are at least two.
func roundedTime(_ time: Duration) -> String {
    let seconds = time.components.seconds + (time.components.attoseconds > 0 ? 1 : 0)
    for (size, noun) in [(86_400, "day"), (3600, "hour"), (60, "minute")] as [(Int64, String)]
    where seconds >= 2 * size {
        return counted(Int(clamping: seconds / size), noun)
    }
    return counted(Int(clamping: seconds), "second")
}
