import ArgumentParser
import CommandSupport

/// The options for how long sent files stay. Without them they do for ever.
struct HousekeepingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Remove sent files, with their receipts, once the receiver has had them for so long: 30d. Only those whose receipts are valid.",
            valueName: "time"))
    var keepSent: TimeSpan?

    @Option(
        help: ArgumentHelp(
            "Remove the oldest sent files, with their receipts, while sent_files has more bytes: 2GB. Only those whose receipts are valid.",
            valueName: "bytes"))
    var keepSentSpace: ByteCount?

    func validate() throws {
        if let keepSent, keepSent.seconds < 60 {
            throw ValidationError("--keep-sent takes a minute at least, not \(keepSent).")
        }
    }

    /// `nil` if all stays.
    var limits: SentLimits? {
        guard keepSent != nil || keepSentSpace != nil else { return nil }
        return SentLimits(seconds: keepSent?.seconds, bytes: keepSentSpace?.bytes)
    }
}

/// What may stay of what was sent.
struct SentLimits: Hashable, Sendable {
    /// Since the receiver signed for it.
    var seconds: Int64?
    /// Of all files in the folder.
    var bytes: Int64?
}
