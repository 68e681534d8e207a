import ArgumentParser
import CommandSupport
import Glibc
import UploadProtocol

struct RevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Shuts a Pi out, for example a stolen one: the receiver refuses it from its next request on.",
        discussion: """
            Its line in ids.txt becomes a comment, which the receiver passes over; everything else in the file stays as it \
            is. Its folder in pis/ stays too, so that provision restore can undo it. No restart is needed.

            An example:

              $ provision revoke pi-07
              Revoked pi-07: the receiver refuses it from its next request on.
            """)

    @Argument(help: "The Pi's name.", transform: parsePiName) var name: PiName

    func run() throws {
        try reportingFailures {
            try Revocation(deployment: Deployment(), now: Int64(time(nil)), say: CommandOutput.say).revoke(name)
        }
    }
}

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Lets a Pi in again that was revoked.",
        discussion: """
            Its line in ids.txt is made what it was. If somebody has deleted the line, it is written again, with the secret \
            that pis/<name>/secret.py holds.

            An example:

              $ provision restore pi-07
              Restored pi-07: the receiver accepts it again.
            """)

    @Argument(help: "The Pi's name.", transform: parsePiName) var name: PiName

    func run() throws {
        try reportingFailures {
            try Revocation(deployment: Deployment(), now: Int64(time(nil)), say: CommandOutput.say).restore(name)
        }
    }
}
