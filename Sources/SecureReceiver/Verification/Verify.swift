import ArgumentParser
import CommandSupport
import Files
import UploadProtocol
import UploadStore

/// `secure-receiver verify`.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Reads everything that is stored again, and says what is not as it was received.",
        discussion: """
            Each file is compared with its receipt, and each receipt's signature with the certificates that the \
            receiver kept. The receiver may go on at its work; nothing is written.

              $ secure-receiver verify
              fault: pi-01/2026/a.json: the file is gone; its receipt is still there
                mend it: put the file and its .sha256 back from a copy, or send the file again from the Pi's sent_files/.
              Verified 40112 files of received_files, 12.1 GB: 1 fault.

            It ends with 0 if all is sound, 65 if there are faults, 74 if something could not be read.
            """)

    @OptionGroup var folder: StoreFolder

    @Option(help: ArgumentHelp("Only what this Pi sent.", valueName: "name"))
    var pi: String?

    @Option(
        help: ArgumentHelp("The folder of the certificates that the receiver used, of all years.", valueName: "folder"))
    var certs = "certs/receiver"

    @Flag(help: "For programs: a JSON object on each line, for each finding and for the summary.")
    var json = false

    func validate() throws {
        guard let pi, PiName(pi) == nil else { return }
        throw ValidationError("--pi takes a Pi's name, such as pi-01, not \(pi).")
    }

    func run() throws {
        let verification: StoreVerification
        do throws(SystemCallError) {
            verification = try StoreVerification(of: folder.store, certificates: certs, only: pi.flatMap { PiName($0) })
        } catch {
            throw CommandFailure(
                "\(folder.store) cannot be verified", reason: "\(error)",
                hint: "call it in the folder where the receiver runs, as the receiver's user, or name the folders with "
                    + "--store and --certs.",
                exitCode: .ioError)
        }
        let report: any VerificationReport = json ? JSONReport() : TextReport(store: folder.store)
        let ticker = ProgressTicker(verification)
        let summary = verification.run { finding in ticker.interrupt { report.tell(finding) } }
        ticker.stop()
        report.tell(summary)
        if summary.faults > 0 { throw ExitCode(ExitStatus.dataError.rawValue) }
        if summary.unreadable > 0 { throw ExitCode(ExitStatus.ioError.rawValue) }
    }
}

/// What both the receiver and `verify` are told.
struct StoreFolder: ParsableArguments {
    @Option(help: ArgumentHelp("The folder that files are stored in.", valueName: "folder"))
    var store = "received_files"
}
