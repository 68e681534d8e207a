import CommandSupport
import Files
import UploadProtocol

/// The messages that scripts and people look for, word for word at the start of the line.
extension CommandFailure {
    static let missingArguments = missingArguments(
        "the receiver's address and the folder to send are needed", example: "secure-sender 192.168.1.20 data_logs")

    static func missingArguments(
        _ reason: String = "the receiver's address is needed", example: String
    ) -> CommandFailure {
        let closed = ConfigurationFile.closed.map { ". Or put sudo before it: \($0) may say them, to root" }
        return CommandFailure(
            "Missing arguments", reason: reason, hint: "for example: \(example)\(closed ?? "")", exitCode: .usage)
    }

    static func notADirectory(
        _ folder: String, reason: String, hint: String = "name the folder that the station writes its files to"
    ) -> CommandFailure {
        CommandFailure(
            "\(CommandOutput.oneLine(folder)) not a valid directory", reason: reason, hint: hint, exitCode: .noInput)
    }

    static func notADirectory(_ folder: String, _ error: SystemCallError) -> CommandFailure {
        error.wayOut.map { notADirectory(folder, reason: "\(error)", hint: $0) }
            ?? notADirectory(folder, reason: "\(error)")
    }

    /// `left`: files in the folder that it led to; `nil` if that is not known.
    static func leadsElsewhere(_ place: FolderSender.Place, left: Int?) -> CommandFailure {
        let folder = CommandOutput.oneLine(place.source.path)
        let again = "start secure-sender again, as systemd does, and it sends what is there"
        guard left != 0 else {
            return notADirectory(
                place.name, reason: "it leads to another folder now; nothing is left in \(folder)", hint: again)
        }
        let files = left.map { counted($0, "file") } ?? "files that cannot be counted"
        return notADirectory(
            place.name, reason: "it leads to another folder now; left in \(folder): \(files)",
            hint: "\(again); what is left goes with: secure-sender \(place.receiver.host) \(folder)")
    }

    /// `file`: of the identity in use, inside of the folder.
    static func holdsIdentity(_ folder: String, _ file: String) -> CommandFailure {
        notADirectory(
            folder, reason: "this Pi's identity lies in it, \(CommandOutput.oneLine(file)), and would be sent",
            hint:
                "name only the folder that the station writes its files to, or keep the identity elsewhere and name it with --identity; nothing has been sent"
        )
    }

    static func identityNotFound(
        reason: String,
        hint: String =
            "put secret.py, pi.pem and ca.pem, as `provision new-pi` made them, into one folder and name it with --identity"
    ) -> CommandFailure {
        CommandFailure("PI id not found", reason: reason, hint: hint, exitCode: .configuration)
    }

    static func notReached(_ receiver: ReceiverAddress, reason: String, hint: String? = nil) -> CommandFailure {
        CommandFailure(
            "\(receiver.url) could not be reached", reason: reason,
            hint: hint ?? "is secure-receiver running there, and does its firewall let port \(receiver.port) through?",
            exitCode: .unavailable)
    }

    static func notAnAddress(_ text: String, port: UInt16) -> CommandFailure {
        CommandFailure(
            "https://\(CommandOutput.oneLine(text)):\(port) could not be reached",
            reason: "that is neither an address nor a host name",
            hint: "give it alone, such as 192.168.1.20, fe80::1%wlan0 or lab-server; the port goes to --port",
            exitCode: .unavailable)
    }

    static func authenticationFailed(reason: String, hint: String) -> CommandFailure {
        CommandFailure("Authentication failed", reason: reason, hint: hint, exitCode: .authenticationFailed)
    }

    static func notSent(_ file: String, reason: String, hint: String? = nil) -> CommandFailure {
        CommandFailure(
            "\(CommandOutput.oneLine(file)) could not be sent", reason: reason, hint: hint, exitCode: .temporaryFailure)
    }

    static func notSent(_ path: UploadPath, reason: String, hint: String? = nil) -> CommandFailure {
        notSent(path.description, reason: reason, hint: hint)
    }

    static func sentFolder(
        _ folder: String, reason: String,
        hint: String = "name another folder on the same disk with --sent-dir"
    ) -> CommandFailure {
        CommandFailure(
            "Sent files cannot be moved to \(CommandOutput.oneLine(folder))", reason: reason,
            hint: "\(hint); nothing has been sent", exitCode: .cannotCreate)
    }

    static func sentFolder(_ folder: String, _ error: SystemCallError) -> CommandFailure {
        guard error.isForLackOfRoom else { return sentFolder(folder, reason: "\(error)") }
        return sentFolder(
            folder, reason: "\(error)",
            hint:
                "make room on this disk (df shows how full it is; --keep-sent-space removes the oldest sent files), or name a folder on another one with --sent-dir"
        )
    }

    /// Of the folder that is sent, or of one inside of it or of the one for sent files.
    static func immovable(_ folder: ImmovableFolder) -> CommandFailure {
        let path = CommandOutput.oneLine(folder.path)
        return CommandFailure(
            folder.isTarget ? "Sent files cannot be moved to \(path)" : "Files cannot be moved out of \(path)",
            reason: "\(folder.obstacle)",
            hint: folder.obstacle.wayOut(path)
                + (folder.isTarget ? "; what would go there has not been sent" : "; nothing of it has been sent"),
            exitCode: .cannotCreate)
    }
}
