import ArgumentParser
import CommandSupport

struct CheckCommand: ConfigurableCommand {
    static let name = "check"
    static let settings = Setting.ofCheck

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Looks at each step of a run without sending anything, and says which one fails and what to do.",
        usage: "secure-sender check <ip> [<dir>] [<option> ...]",
        discussion: """
              $ secure-sender check 192.168.1.20 data_logs
              ok       configuration  of secure-sender.toml
              ok       identity       pi-01, in ., closed to others
              ok       folder         data_logs: 2 files
              ok       sent-files     go to /home/pi/sent_files
              ok       certificate    of pi-01, until Mon, 17 Nov 2036 18:46:33 GMT
              ok       address        192.168.1.20
              ok       connection     something listens on port 3500
              ok       receiver       is the one that this Pi trusts, until Mon, 17 Nov 2036 18:46:33 GMT
              ok       acceptance     the receiver takes this Pi's certificate
              ok       signature      the receiver knows pi-01 and this secret
              ok       clock          1 second behind the receiver's
              ok       room           48.3 GB at the receiver
              All is well.

            The exit status is that of a run which fails at that step; a warning is no failure.
            """,
        version: programVersion)

    @Argument(help: "The receiver: an IPv4 or IPv6 address, or a host name.")
    var ip: String?

    @Argument(help: "The folder whose files are to be sent.")
    var dir: String?

    @OptionGroup(title: "Where things are")
    var places: PlaceOptions

    @OptionGroup(title: "What is sent")
    var selection: SelectionOptions

    @OptionGroup var configurationFile: ConfigurationOption

    @Flag(help: "Say everything in JSON, an event a line, for programs.")
    var json = false

    func run() throws {
        guard let ip else { throw CommandFailure.missingArguments(example: "secure-sender check 192.168.1.20") }
        let report = json ? JSONReport() : nil
        var warnings = 0
        let file = try configurationFile.find()
        let check = Check(
            address: ip, port: places.port, folder: dir, sentFolder: places.sentDir, selection: selection.selection,
            identityFolder: places.identity, configurationFile: file?.path
        ) { (finding) throws(CommandFailure) in
            if finding.outcome == .warning { warnings += 1 }
            if let report { report(finding) } else { try TextCheckReport.say(finding) }
        }
        if let file {
            try check.ok(.configuration, "of \(CommandOutput.oneLine(file.path))")
        }
        do throws(CommandFailure) { try check.run() } catch {
            report?.fail(error)
            throw error
        }
        guard report == nil else { return }
        CommandOutput.say(warnings == 0 ? "All is well." : "Files can be sent; see \(counted(warnings, "warning")).")
    }
}
