import ArgumentParser
import CommandSupport
import Glibc
import UploadProtocol

struct NewPiCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new-pi",
        abstract: "Makes the identity of one Pi, in a folder and a .tar.gz to copy to it.",
        discussion: """
            On first use it also makes the lab's certificate authority, the receiver's certificate, ids.txt and \
            received_files/, and says so. Nothing that exists is overwritten.

            An example:

              $ provision new-pi greenhouse --host uploads.lab.example
              $ scp pis/greenhouse.tar.gz pi@greenhouse.local:
            """)

    @Argument(
        help: "1 to 63 of a-z, 0-9 and inner hyphens. Without it: the next free of pi-01, pi-02, …",
        transform: parsePiName)
    var name: PiName?

    @OptionGroup var certificates: CertificateOptions

    func run() throws {
        let deployment = Deployment()
        let request = NewPi.Request(name: name, certificates: certificates.wishes, now: Int64(time(nil)))
        try reportingFailures {
            for warning in try deployment.warnings() { CommandOutput.complain(warning) }
            try NewPi(deployment: deployment, request: request, say: CommandOutput.say).run()
        }
    }
}

@Sendable
func parsePiName(_ text: String) throws -> PiName {
    guard let name = PiName(text) else {
        throw ValidationError("'\(text)' is no name for a Pi: 1 to 63 of a-z, 0-9 and inner hyphens, such as pi-01")
    }
    return name
}
