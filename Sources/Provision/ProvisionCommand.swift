import ArgumentParser
import CommandSupport

struct ProvisionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "provision",
        abstract: "Makes what the receiver and each Pi need to know one another.",
        discussion: """
            Works in the current folder, which becomes the lab's deployment: run it always in the same one, and the \
            receiver too.

            An example, on the server:

              $ mkdir uploads && cd uploads
              $ provision new-pi
              Made pi-01 …
              $ secure-receiver --cert certs/server.pem

            and on the Pi, once pis/pi-01.tar.gz has been copied to it:

              $ tar xzf pi-01.tar.gz && cd pi-01
              $ secure-sender <address of the server> <folder of the station's files>
            """,
        version: programVersion,
        subcommands: [
            InitCommand.self, NewPiCommand.self, RevokeCommand.self, RestoreCommand.self, RotateCommand.self,
            ListCommand.self, CheckCommand.self, ImportCommand.self, RenewCommand.self, BundleCommand.self,
        ])
}
