import ArgumentParser
import CommandSupport
import Files

@main
struct SecureSenderCommand: ConfigurableCommand {
    static let settings = Setting.all

    static let configuration = CommandConfiguration(
        commandName: "secure-sender",
        abstract:
            "Brings a folder's files to the lab's receiver, and moves each to sent_files once the receiver has it.",
        usage: """
            secure-sender <ip> <dir> [<option> ...]
            secure-sender check <ip> [<dir>] [<option> ...]
            """,
        discussion: """
            EXAMPLE
              $ ls
              ca.pem  data_logs  pi.pem  secret.py
              $ secure-sender 192.168.1.20 data_logs
              Sending 2 files to https://192.168.1.20:3500 as pi-01
                station3_2026-05-16T101500Z.json  2.1 kB  sent
                station3_2026-05-16T102000Z.json  2.0 kB  sent
              2 files sent, moved to /home/pi/sent_files

            Files whose name begins with a dot and symbolic links are left out. What could not be sent stays and waits \
            for the next run.

            EXIT STATUS
              0   all sent, or nothing to send       73  files cannot be moved
              64  usage                              75  some files wait for the next run
              66  no such folder                     77  authentication failed
              69  receiver not reached               78  no identity, or settings
            """,
        version: programVersion,
        subcommands: [CheckCommand.self])

    // Optional, so that their lack gives our own message.
    @Argument(help: "The receiver: an IPv4 or IPv6 address, or a host name.")
    var ip: String?

    @Argument(help: "The folder whose files are sent.")
    var dir: String?

    @OptionGroup(title: "Where things are")
    var places: PlaceOptions

    @OptionGroup(title: "What is sent")
    var selection: SelectionOptions

    @Flag(help: "Say what would be sent, what would be left and why, and what --keep-sent would remove; do nothing.")
    var dryRun = false

    @OptionGroup(title: "When it is sent")
    var station: StationOptions

    @OptionGroup(title: "How it is sent")
    var transfer: TransferOptions

    @OptionGroup(title: "What becomes of it here")
    var housekeeping: HousekeepingOptions

    @OptionGroup(title: "What is said")
    var reporting: ReportOptions

    @OptionGroup
    var configurationFile: ConfigurationOption

    mutating func run() throws {
        // Files that are moved together may each have folders of their own, and all of these are open.
        DescriptorLimit.raise()
        let report = Report(reporting)
        let status: ExitStatus
        do throws(CommandFailure) { status = try send(report) } catch {
            report.end(error)
            throw error
        }
        report.end(nil)
        if status != .success { throw ExitCode(status.rawValue) }
    }

    static func main() {
        // By hand: a command that has arguments of its own takes them before it looks for a subcommand's name.
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch arguments.first {
        case CheckCommand.name: CheckCommand.runConfigured(Array(arguments.dropFirst()))
        case "help" where arguments.dropFirst().first == CheckCommand.name: CheckCommand.runToExit(["--help"])
        // For a receiver that is named like a subcommand.
        case "send": runConfigured(Array(arguments.dropFirst()))
        default: runConfigured(arguments)
        }
    }
}
