import ArgumentParser
import Glibc
import Logging

/// How the log is written. It goes to standard error.
struct LogOptions: ParsableArguments {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case auto, text, json
    }

    @Option(
        help: ArgumentHelp(
            "auto: for people on a terminal, for the journal under systemd, else text with times. text: for programs and files. json: one object a line.",
            valueName: "format"))
    var logFormat = Format.auto

    @Option(
        help: ArgumentHelp(
            "The least that is logged: trace, debug, info, notice, warning, error or critical. Default: info.",
            valueName: "level"),
        transform: { text in
            guard let level = Logger.Level(rawValue: text) else { throw ValidationError("there is no such level.") }
            return level
        })
    var logLevel = Logger.Level.info

    /// Makes it the log of everything in this process.
    func start() -> LogWriter {
        let style = LogStyle(logFormat)
        let writer = LogWriter(descriptor: STDERR_FILENO, style: style)
        let level = logLevel
        LoggingSystem.bootstrap { _ in LineLogHandler(style: style, writer: writer, logLevel: level) }
        return writer
    }
}
