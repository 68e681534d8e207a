import ArgumentParser
import CommandSupport
import Files
import Glibc
import UploadProtocol

@main
struct SecureSenderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secure-sender",
        abstract:
            "Brings a folder's files to the lab's receiver, and moves each to sent_files once the receiver has it.",
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
            """)

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
    var station: StationOptions

    mutating func validate() throws {
        guard port > 0 else { throw ValidationError("Ports are numbers from 1 to 65535.") }
    }

    mutating func run() throws {
        // A receiver that closes, or a reader of our output that ends, is told by the call itself.
        signal(SIGPIPE, SIG_IGN)
        let status = try send()
        if status != .success { throw ExitCode(status.rawValue) }
    }

    private func send() throws(CommandFailure) -> ExitStatus {
        guard let ip, let dir else { throw .missingArguments }
        let report = TextReport()
        let source = try sourceFolder(dir)
        let folder = try IdentityFolder.first(of: IdentityFolder.candidates(chosen: identity))
        let identity = try PiIdentity(readingFrom: folder)
        for warning in identity.warnings { report(.notice(warning)) }
        guard let receiver = ReceiverAddress(ip, port: port) else { throw .notAnAddress(ip, port: port) }
        guard let lock = lock(source, report) else { return .success }
        defer { withExtendedLifetime(lock) {} }
        if let obstacle = FolderExit(of: source).obstacle { throw .immovable(source.path, obstacle) }
        let sentFolder = try SentFolder.open(sentDir, for: source)
        let make = { (watch: FolderWatch?, stop: StopSignal, report: @escaping (SendEvent) -> Void) in
            FolderSender(
                dir, source: source, sentFolder: sentFolder, receiver: receiver, identity: identity,
                settings: station.settings, watch: watch, stop: stop, report: report)
        }
        guard let interval = station.interval else {
            return try make(nil, StopSignal(), { report($0) }).sendAll().status
        }
        let watch = station.watch ? FolderWatch() : nil
        if station.watch, watch == nil {
            report(.notice("The kernel tells of no changes: looking every \(station.lookEvery) instead"))
        }
        let stop = StopSignal.fromSignals()
        let loopReport = LoopReport { report($0) }
        let loop = StationLoop(
            make(watch, stop, { loopReport($0) }), identityFolder: folder, interval: interval, watch: watch, stop: stop,
            report: { loopReport($0) })
        try loop.run()
        return .success
    }

    private func sourceFolder(_ path: String) throws(CommandFailure) -> Folder {
        guard let resolved = realPath(path) else {
            throw .notADirectory(path, reason: String(cString: strerror(errno)))
        }
        do throws(SystemCallError) { return try Folder(opening: resolved) } catch {
            throw .notADirectory(path, reason: error.reason)
        }
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
        runToExit()
    }
}
