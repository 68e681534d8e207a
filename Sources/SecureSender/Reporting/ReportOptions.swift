import ArgumentParser

/// The options for what is said.
struct ReportOptions: ParsableArguments {
    enum Verbosity: String, EnumerableFlag {
        case quiet, verbose

        static func help(for value: Verbosity) -> ArgumentHelp? {
            switch value {
            case .quiet: "Say nothing but what went wrong."
            case .verbose: "Name each file and each connection, however many there are."
            }
        }
    }

    @Flag(exclusivity: .chooseLast)
    var verbosity: Verbosity?

    @Flag(help: "Say everything in JSON, an event a line, for programs.")
    var json = false

    @Flag(help: "Show no progress: neither the bar on a terminal nor a line now and then in a log.")
    var noProgress = false
}
