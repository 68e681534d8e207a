import ArgumentParser
import CommandSupport

/// The options for when files are sent.
struct StationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How long a file has to be unchanged before it is sent: 5s, 1m.", valueName: "time"))
    var quietTime = TimeSpan(seconds: 5)

    @Flag(help: "Stay, and send what appears in the folder, until SIGTERM or Ctrl-C.")
    var watch = false

    @Option(
        help: ArgumentHelp(
            "With --watch: how often to look at the whole folder although nothing was told of it.", valueName: "time"))
    var lookEvery = TimeSpan(seconds: 300)

    @Option(
        help: ArgumentHelp(
            "Stay, and send what is in the folder after each such period: 10m, 1h. For folders that --watch cannot see into, such as those of other computers.",
            valueName: "time"))
    var every: TimeSpan?

    @Flag(help: "If another secure-sender works on the folder, wait until it is done instead of ending.")
    var wait = false

    func validate() throws {
        guard quietTime.seconds <= 86_400 else {
            throw ValidationError("--quiet-time takes a day at most, not \(quietTime).")
        }
        guard every == nil || !watch else { throw ValidationError("--every and --watch do not go together.") }
        for (name, time) in [("every", every), ("look-every", lookEvery)] {
            guard time.map({ (1...86_400 * 366).contains($0.seconds) }) ?? true else {
                throw ValidationError("--\(name) takes a time from 1s to 366d, not \(time ?? lookEvery).")
            }
        }
    }

    /// `nil` for one run.
    var interval: Duration? { every.map { .seconds($0.seconds) } ?? (watch ? .seconds(lookEvery.seconds) : nil) }
}
