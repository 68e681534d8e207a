import ArgumentParser
import CommandSupport
import Glibc

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Looks through everything, and names the command that mends what is wrong. Changes nothing.",
        discussion: """
            Looks at permissions and owners, keys and certificates, their chain, their end dates, ids.txt, doubled secrets, \
            what is in each tar, Pis of which a part is missing, and what interrupted runs left.

            Exit codes, for monitoring: 0 all is well, 1 warnings alone, 65 an error, 78 this folder holds no deployment.

            An example:

              $ provision check
              warning: pis/pi-07/pi.pem: the certificate ends in 12 days, on 2036-05-11
                mend it: provision renew pi-07
              …
              $ echo $?
              1
            """)

    @Flag(help: "One object, for programs.") var json = false

    func run() throws {
        let report = try reportingFailures {
            try Check(deployment: Deployment(), now: Int64(time(nil))).report { CommandOutput.complain($0) }
        }
        try CommandOutput.sayStyled(json ? [report.json] : report.lines(inColours: CommandOutput.hasColours))
        if report.exitCode != .success { throw ExitCode(report.exitCode.rawValue) }
    }
}
