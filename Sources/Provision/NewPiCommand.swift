import ArgumentParser
import CommandSupport
import Glibc
import UploadProtocol

struct NewPiCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new-pi",
        abstract: "Makes the identity of one Pi, or of many, in a folder and a .tar.gz to copy to it.",
        discussion: """
            On first use it also makes the lab's certificate authority, the receiver's certificate, ids.txt and \
            received_files/, and says so. Nothing that exists is overwritten.

            Examples:

              $ provision new-pi greenhouse --host uploads.lab.example
              $ scp pis/greenhouse.tar.gz pi@greenhouse.local:

              $ provision new-pi roof --count 12 --out /media/stick
              Made 12 Pis, roof-01 to roof-12 …
            """)

    @Argument(
        help: """
            1 to 63 of a-z, 0-9 and inner hyphens. Without it: the next free of pi-01, pi-02, … With --count: what the \
            names begin with.
            """,
        transform: parsePiName)
    var name: PiName?

    @Option(help: ArgumentHelp("How many Pis to make, 1 to 10000: all of them, or none.", valueName: "n"))
    var count = 1

    @Option(help: ArgumentHelp("A folder that gets a copy of each .tar.gz.", valueName: "dir"), completion: .directory)
    var out: String?

    @OptionGroup var secret: SecretOptions
    @OptionGroup var certificates: CertificateOptions

    func validate() throws {
        guard (1...10_000).contains(count) else {
            throw ValidationError("--count is a number from 1 to 10000, not \(count)")
        }
    }

    func run() throws {
        let deployment = Deployment()
        let request = NewPi.Request(
            name: name, count: count, secretBits: secret.secretBits, out: out, certificates: certificates.wishes,
            now: Int64(time(nil)))
        try reportingFailures {
            for warning in try deployment.warnings() { CommandOutput.complain(warning) }
            try NewPi(deployment: deployment, request: request, say: CommandOutput.say).run()
        }
    }
}

struct SecretOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How many random bits a secret has: 64, 128 or 256; upload.py and sender.py knew 64.", valueName: "bits"))
    var secretBits = SecretBits.default
}

enum SecretBits: Int, ExpressibleByArgument, CaseIterable, Sendable {
    case sixtyFour = 64
    case oneHundredTwentyEight = 128
    case twoHundredFiftySix = 256

    static let `default` = sixtyFour
}

@Sendable
func parsePiName(_ text: String) throws -> PiName {
    guard let name = PiName(text) else {
        throw ValidationError("'\(text)' is no name for a Pi: 1 to 63 of a-z, 0-9 and inner hyphens, such as pi-01")
    }
    return name
}
