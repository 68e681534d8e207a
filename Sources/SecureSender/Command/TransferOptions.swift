import ArgumentParser
import CommandSupport
import UploadProtocol

/// The options for how files are sent.
struct TransferOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The most that goes out in a second, 2k at least: 500k, 2M (1,000 and 1,000,000 bytes). Default: what the network takes.",
            valueName: "bytes"))
    var limitRate: ByteCount?

    @Option(
        help: ArgumentHelp(
            "Every so many files, the newest is sent instead of the oldest; 0: never. After weeks offline it shows at once how the station is now.",
            valueName: "files"))
    var newestEvery = SenderSettings().newestEvery

    @Option(help: ArgumentHelp("Files that are sent before the first one's answer came.", valueName: "files"))
    var inFlight = SenderSettings().requestsInFlight

    @Option(
        help: ArgumentHelp("Bytes of files that are sent before the first one's answer came.", valueName: "bytes"))
    var bytesInFlight = ByteCount(SenderSettings().bytesInFlight)

    @Option(help: ArgumentHelp("The size of a file above which it goes in parts.", valueName: "bytes"))
    var inPartsAbove = ByteCount(ResumableUpload.defaultThreshold)

    @Option(
        help: ArgumentHelp(
            "How long a run goes on that gets nothing through; 0s: for ever. The files wait for the next run.",
            valueName: "time"))
    var giveUpAfter = TimeSpan(seconds: 300)

    func validate() throws {
        if let limitRate, limitRate.bytes < 2000 {
            throw ValidationError(
                "--limit-rate takes 2k at least, not \(limitRate): the receiver ends what comes at less than 1 KiB a second."
            )
        }
        for (name, value, range) in [("newest-every", newestEvery, 0...1_000_000), ("in-flight", inFlight, 1...256)] {
            guard range.contains(value) else {
                throw ValidationError("--\(name) takes \(range.lowerBound) to \(range.upperBound), not \(value).")
            }
        }
        guard bytesInFlight.bytes >= 256 << 10 else {
            throw ValidationError("--bytes-in-flight takes 256KiB at least, not \(bytesInFlight).")
        }
        guard inPartsAbove.bytes >= 64 << 10 else {
            throw ValidationError("--in-parts-above takes 64KiB at least, not \(inPartsAbove).")
        }
    }

    var settings: SenderSettings {
        var settings = SenderSettings()
        settings.rateLimit = limitRate?.bytes
        settings.newestEvery = newestEvery
        settings.requestsInFlight = inFlight
        settings.bytesInFlight = bytesInFlight.bytes
        // So that neither a part nor a whole file has to wait until nothing else is under way.
        settings.inPartsAbove = min(inPartsAbove.bytes, bytesInFlight.bytes / 4)
        settings.partSizes = settings.partSizes.clamped(to: 0...bytesInFlight.bytes / 2)
        settings.giveUpAfter = nil
        if giveUpAfter.seconds > 0 { settings.giveUp(after: .seconds(giveUpAfter.seconds)) }
        return settings
    }
}
