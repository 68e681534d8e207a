import ArgumentParser
import CommandSupport
import Files
import Glibc
import UploadProtocol

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
              0 all sent, or nothing to send   64 usage   66 no such folder   69 receiver not reached
              73 files cannot be moved   75 some files wait for the next run   77 authentication failed   78 no identity
            """,
        subcommands: [CheckCommand.self])

    // Optional, so that their lack gives our own message.
    @Argument(help: "The receiver: an IPv4 or IPv6 address, or a host name.")
    var ip: String?

    @Argument(help: "The folder whose files are sent.")
    var dir: String?

    @Option(help: "The port that the receiver listens on.")
    var port: UInt16 = 3500

    @Option(
        help: ArgumentHelp(
            "The folder with secret.py, pi.pem and ca.pem; else the current folder, the program's, ~/.config/secure-sender or /etc/secure-sender, whichever has a secret.py.",
            valueName: "dir"))
    var identity: String?

    @Option(
        help: ArgumentHelp(
            "Where sent files go, on the same disk; else sent_files beside the folder that is sent.", valueName: "dir"))
    var sentDir: String?

    @OptionGroup
    var selection: SelectionOptions

    @OptionGroup
    var station: StationOptions

    @OptionGroup
    var housekeeping: HousekeepingOptions

    @Option(
        help: ArgumentHelp(
            "The most that goes out, in kB a second; else as much as the network takes.", valueName: "kB"))
    var limitRate: Int64?

    @OptionGroup var configurationFile: ConfigurationOption

    mutating func validate() throws {
        guard port > 0 else { throw ValidationError("Ports are numbers from 1 to 65535.") }
        guard (1...1_000_000_000).contains(limitRate ?? 1) else {
            throw ValidationError("A rate is a number of kB from 1 on.")
        }
    }

    mutating func run() throws {
        let status = try send()
        if status != .success { throw ExitCode(status.rawValue) }
    }

    private func send() throws(CommandFailure) -> ExitStatus {
        guard let ip, let dir else { throw .missingArguments }
        let report = TextReport()
        let source = try Folder(source: dir)
        let folder = try IdentityFolder.first(of: IdentityFolder.candidates(chosen: identity))
        let identity = try PiIdentity(readingFrom: folder)
        for path in identity.readableByAll {
            report(.notice("Warning: every user of this computer can read \(path)\n  hint: chmod 600 \(path)"))
        }
        guard let receiver = ReceiverAddress(ip, port: port) else { throw .notAnAddress(ip, port: port) }
        if let obstacle = FolderExit(of: source).obstacle { throw .immovable(source.path, obstacle) }
        if selection.dryRun { return try list(source, identity) }
        guard let lock = lock(source, report) else { return .success }
        defer { withExtendedLifetime(lock) {} }
        let place = FolderSender.Place(
            name: dir, source: source, sentFolder: try SentFolder.open(sentDir, for: source), receiver: receiver)
        guard let interval = station.interval else {
            let sender = FolderSender(place, as: identity, settings: settings) { report($0) }
            let outcome = try sender.sendAll()
            try sender.tidyUp()
            return outcome.status
        }
        try stay(at: place, as: identity, from: folder, interval: interval, report: report)
        return .success
    }

    private var settings: StationSettings {
        var settings = StationSettings()
        settings.quietTime = .seconds(station.quietTime.seconds)
        settings.selection = selection.selection
        settings.sentLimits = housekeeping.limits
        settings.sender.rateLimit = limitRate.map { $0 * 1000 }
        return settings
    }

    private func stay(
        at place: FolderSender.Place, as identity: PiIdentity, from folder: IdentityFolder, interval: Duration,
        report: TextReport
    ) throws(CommandFailure) {
        let watch = station.watch ? FolderWatch() : nil
        if station.watch, watch == nil {
            report(
                .notice("The kernel tells of no changes: looking at the folder every \(station.lookEvery) instead"))
        }
        let stop = StopSignal.fromSignals()
        let loopReport = LoopReport { report($0) }
        let sender = FolderSender(place, as: identity, settings: settings, watch: watch, stop: stop) { loopReport($0) }
        try StationLoop(sender, identityFolder: folder, interval: interval, watch: watch, stop: stop) { loopReport($0) }
            .run()
    }

    /// The dry run.
    private func list(_ source: Folder, _ identity: PiIdentity) throws(CommandFailure) -> ExitStatus {
        let sentFolder = SentFolder.existing(sentDir, for: source)
        do throws(SystemCallError) {
            var dryRun = DryRun(of: source, settings: settings) { CommandOutput.say($0) }
            dryRun.list(try FileScan(of: source, leavingOut: sentFolder, selection: settings.selection))
            if let sentFolder { try dryRun.list(sentFolder, of: identity) }
        } catch {
            throw .notADirectory(error.path, reason: "\(error)")
        }
        return .success
    }

    /// `nil` if another run has the folder and is not to be waited for.
    private func lock(_ source: Folder, _ report: TextReport) -> FileDescriptor? {
        do throws(SystemCallError) {
            if let lock = try source.lockIfFree() { return lock }
            let name = CommandOutput.oneLine(source.path)
            guard station.wait else {
                report(.notice("Another secure-sender is sending from \(name): nothing to do"))
                return nil
            }
            report(.notice("Waiting for another secure-sender, which is sending from \(name)"))
            return try source.lock()
        } catch {
            // A file system without locks has to do without.
            return source.descriptor
        }
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
