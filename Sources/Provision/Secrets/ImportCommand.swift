import ArgumentParser
import CommandSupport
import Glibc
import UploadProtocol

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Makes Pis with names, certificates and new secrets of the old system's ids.txt.",
        discussion: """
            The old file has a bare id on each line. It may be this folder's own ids.txt. Each id becomes the next free Pi, and \
            is kept in ids.txt as a comment, which the receiver passes over: so the same file may be imported again, and \
            only what has been added to it since is made.

            To tell which Pi had which id, look at the end of its old secret.py: tail -c 7 secret.py

            An example:

              $ provision import /srv/old/ids.txt
              Made 2 Pis of the 2 ids in /srv/old/ids.txt:
                line 1  …77a0  pi-01
                line 3  …c4e1  pi-02
            """)

    @Argument(help: "The old file.", completion: .file()) var oldIds: String

    @Flag(help: "The Pis keep their old secrets: unwise, because these went over the network in clear.")
    var keepSecrets = false

    @OptionGroup var secret: SecretOptions
    @OptionGroup var certificates: CertificateOptions

    func run() throws {
        let deployment = Deployment()
        let request = Import.Request(
            file: oldIds, keepsSecrets: keepSecrets, secretBits: secret.secretBits, certificates: certificates.wishes,
            now: Int64(time(nil)))
        try reportingFailures {
            for warning in try deployment.warnings() { CommandOutput.complain(warning) }
            try Import(deployment: deployment, request: request, say: CommandOutput.say).run()
        }
    }
}
