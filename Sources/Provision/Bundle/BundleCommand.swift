import ArgumentParser
import CommandSupport
import Glibc
import UploadProtocol

struct BundleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle",
        abstract: "Writes a Pi's folder and .tar.gz again, from what is kept, and brings it to the Pi if you like.",
        discussion: """
            Key, certificate and secret stay as they are; the roots become those of today.

            An example:

              $ provision bundle greenhouse --install pi@greenhouse.local
              Installed in /home/pi/greenhouse

            It uses ssh as you do: with your keys and settings, and it may ask for a password. On the Pi tar is needed, \
            and nothing else.
            """)

    @Argument(help: "The Pi.", transform: parsePiName)
    var name: PiName

    @Option(
        help: ArgumentHelp(
            """
            Unpacks it there with ssh, in the home folder or in the folder given, in place of what an earlier bundle \
            brought.
            """, valueName: "user@host[:dir]"),
        transform: parseRemoteHome)
    var install: RemoteHome?

    func run() throws {
        let deployment = Deployment()
        try reportingFailures {
            for warning in try deployment.warnings() { CommandOutput.complain(warning) }
            try Bundle(deployment: deployment, name: name, home: install, now: Int64(time(nil)), say: CommandOutput.say)
                .run()
        }
    }
}

@Sendable
private func parseRemoteHome(_ text: String) throws -> RemoteHome {
    guard let home = RemoteHome(text) else {
        throw ValidationError(
            "'\(text)' is no place such as pi@greenhouse.local or pi@192.168.1.31:stations (IPv6: pi@[fd00::31])")
    }
    return home
}
