import CommandSupport
import UploadProtocol

/// What a run tells while it goes on.
enum SendEvent: Hashable, Sendable {
    case started(files: Int, receiver: String, pi: PiName)
    /// `keptAs`: another name below the sent folder, where its own was taken.
    case sent(UploadPath, size: Int64, wasThere: Bool, keptAs: String?)
    case failed(CommandFailure)
    /// A sentence that needs no action to go on.
    case notice(String)
    /// `waiting`: files that are left for the next run.
    case finished(sent: Int, waiting: Int, folder: String)
    case nothingToSend(folder: String)
}

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
        case .failed(let failure):
            CommandOutput.complain(failure)
        case .notice(let sentence):
            CommandOutput.complain(sentence)
        case .finished(let sent, let waiting, let folder):
            let rest = waiting == 0 ? "" : "; \(waiting) left for the next run"
            let place = sent == 0 ? "" : ", moved to \(CommandOutput.oneLine(folder))"
            CommandOutput.say("\(counted(sent, "file")) sent\(place)\(rest)")
        case .nothingToSend(let folder):
            CommandOutput.say("There is nothing to send in \(CommandOutput.oneLine(folder))")
        }
    }
}

/// `17 minutes`, `3 days`: in the largest unit of which there are at least two.
func roundedTime(_ seconds: UInt64) -> String {
    for (size, noun) in [(86_400, "day"), (3600, "hour"), (60, "minute")] as [(UInt64, String)]
    where seconds >= 2 * size {
        return counted(Int(clamping: seconds / size), noun)
    }
    return counted(Int(clamping: seconds), "second")
}
