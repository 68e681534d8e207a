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

    @Option(
        help: ArgumentHelp(
            "The most that goes out, in kB a second; else as much as the network takes.", valueName: "kB"))
    var limitRate: Int64?

    mutating func validate() throws {
        guard port > 0 else { throw ValidationError("Ports are numbers from 1 to 65535.") }
        guard (1...1_000_000_000).contains(limitRate ?? 1) else {
            throw ValidationError("A rate is a number of kB from 1 on.")
        }
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
        guard let lock = lock(source) else {
            report(.notice("Another secure-sender is sending from \(CommandOutput.oneLine(dir)): nothing to do"))
            return .success
        }
        defer { withExtendedLifetime(lock) {} }
        let sentFolder = try SentFolder.open(sentDir, for: source)
        let scan = try scan(source, leavingOut: sentFolder)
        let isIncomplete = tell(of: scan, report)
        guard !scan.entries.isEmpty else {
            if !isIncomplete { report(.nothingToSend(folder: dir)) }
            return isIncomplete ? .temporaryFailure : .success
        }
        let clock = SenderClock(
            bundleTime: identity.made, lastReceipt: LastReceiptTime(folder: sentFolder.path).load())
        var settings = SenderSettings()
        settings.rateLimit = limitRate.map { $0 * 1000 }
        let run = SendRun(
            to: receiver, as: identity, files: ScannedFiles(scan.entries), from: source, sentFolder: sentFolder,
            clock: clock, settings: settings, report: { report($0) })
        let status = try run.run()
        return status == .success && isIncomplete ? .temporaryFailure : status
    }

    private func sourceFolder(_ path: String) throws(CommandFailure) -> Folder {
        guard let resolved = realPath(path) else {
            throw .notADirectory(path, reason: String(cString: strerror(errno)))
        }
        do throws(SystemCallError) { return try Folder(opening: resolved) } catch {
            throw .notADirectory(path, reason: error.reason)
        }
    }

    /// `nil` if another run has the folder.
    private func lock(_ source: Folder) -> FileDescriptor? {
        // A file system without locks has to do without.
        do throws(SystemCallError) { return try source.lockIfFree() } catch { return source.descriptor }
    }

    private func scan(_ source: Folder, leavingOut sentFolder: Folder) throws(CommandFailure) -> FileScan {
        do throws(SystemCallError) { return try FileScan(of: source, leavingOut: sentFolder) } catch {
            throw .notADirectory(dir ?? source.path, reason: "\(error)")
        }
    }

    /// What of the folder is not sent; true if some of it should be.
    private func tell(of scan: FileScan, _ report: TextReport) -> Bool {
        if let example = scan.reserved.told.first {
            report(
                .notice(
                    "\(counted(scan.reserved.count, "name")) left out that the receiver does not take, such as "
                        + "\(CommandOutput.oneLine(example.name)): \(example.reason)"))
        }
        for (name, reason) in scan.unsendable.told {
            report(.failed(.notSent(name, reason: reason, hint: "give it another name"), file: name))
        }
        let untold = scan.unsendable.count - scan.unsendable.told.count
        if untold > 0 { report(.notice("\(counted(untold, "more file")) with such a name")) }
        for error in scan.unreadable {
            report(.failed(.notSent(error.path, reason: "\(error)"), file: error.path))
        }
        return !scan.unreadable.isEmpty || scan.unsendable.count > 0
    }

    static func main() {
        runToExit()
    }
}
