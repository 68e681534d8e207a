import ArgumentParser
import CommandSupport
import Glibc
import UploadProtocol

struct RotateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Gives a Pi a new secret; the old one counts too until --finish.",
        discussion: """
            The new secret gets a line of its own in ids.txt and stands in the Pi's folder and .tar.gz, which are written \
            again. The Pi may go on with the old one for as long as it takes to copy the new. Key and certificate stay.

            An example:

              $ provision rotate pi-07
              $ provision bundle pi-07 --install pi@pi-07.local
              $ provision rotate pi-07 --finish
            """)

    @Argument(help: "The Pi's name.", transform: parsePiName) var name: PiName

    @Flag(help: "Takes the older secret out of ids.txt: only the one in pis/<name>/ counts from now on.")
    var finish = false

    @OptionGroup var secret: SecretOptions

    func run() throws {
        try reportingFailures {
            let rotation = Rotation(deployment: Deployment(), say: CommandOutput.say)
            if finish {
                try rotation.finish(name)
            } else {
                try rotation.begin(name, secret.secretBits)
            }
        }
    }
}
