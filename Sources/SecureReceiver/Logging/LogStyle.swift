import CommandSupport
import Glibc

/// How a line looks.
enum LogStyle: Equatable, Sendable {
    /// Aligned, with the local time.
    case terminal(inColours: Bool)
    /// With the time, UTC.
    case text
    /// Without the time, which the journal has, but with the priority before each line (sd-daemon(3)).
    case journal
    case json

    /// What fits standard error, unless `format` asks for something.
    init(_ format: LogOptions.Format) {
        switch format {
        case .json: self = .json
        case .text: self = Self.isJournal(STDERR_FILENO) ? .journal : .text
        case .auto where isatty(STDERR_FILENO) == 1:
            self = .terminal(inColours: CommandOutput.hasColours(STDERR_FILENO))
        case .auto: self = Self.isJournal(STDERR_FILENO) ? .journal : .text
        }
    }

    /// Whether the descriptor is the stream that systemd connected to the journal. The variable alone does not say so: the
    /// unit, or a shell in between, may have sent standard error elsewhere (systemd.exec(5), $JOURNAL_STREAM).
    static func isJournal(
        _ descriptor: Int32, stream: String? = getenv("JOURNAL_STREAM").map { String(cString: $0) }
    ) -> Bool {
        var status = stat()
        guard let stream, fstat(descriptor, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }
}
