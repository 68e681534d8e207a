import ArgumentParser

/// The options for where things are, of a run and of its check.
struct PlaceOptions: ParsableArguments {
    @Option(help: "The port that the receiver listens on.")
    var port: UInt16 = 3500

    @Option(
        help: ArgumentHelp(
            "The folder with secret.py, pi.pem and ca.pem; else the current folder, the program's, ~/.config/secure-sender or /etc/secure-sender, whichever has a secret.py.",
            valueName: "dir"))
    var identity: String?

    @Option(
        help: ArgumentHelp("Where sent files go; else sent_files beside the folder that is sent.", valueName: "dir"))
    var sentDir: String?

    func validate() throws {
        guard port > 0 else { throw ValidationError("Ports are numbers from 1 to 65535.") }
    }
}
