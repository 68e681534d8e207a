import ArgumentParser
import CommandSupport
import UploadProtocol
import UploadStore

/// The options for uploads in parts.
struct PartialOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The size of a file above which what came of a broken upload is kept.",
            valueName: "bytes"))
    var resumableAbove = ByteCount(ResumableUpload.defaultKeptAbove)

    @Option(
        help: ArgumentHelp(
            "How long the beginning of a file waits for the rest of it: 7d, 12h, 30m.", valueName: "time"))
    var keepPartials = TimeSpan(seconds: 7 * 86_400)

    @Option(
        help: ArgumentHelp(
            "Unfinished files kept of each Pi; a further one replaces the oldest, those of up to 4 MiB first.",
            valueName: "files"))
    var partialsPerPi = 64

    func validate() throws {
        guard keepPartials.seconds >= 60 else {
            throw ValidationError("--keep-partials takes a minute at least, not \(keepPartials).")
        }
        guard (1...100_000).contains(partialsPerPi) else {
            throw ValidationError("--partials-per-pi takes 1 to 100000, not \(partialsPerPi).")
        }
    }

    var limits: PartialLimits {
        var limits = PartialLimits()
        limits.lifetime = keepPartials.seconds
        limits.mostOfOnePi = partialsPerPi
        return limits
    }
}
