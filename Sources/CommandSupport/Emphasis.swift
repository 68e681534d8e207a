import Glibc

/// What makes a line stand out on a terminal; in a file, or where people want no colours (no-color.org), its words must.
package enum Emphasis: Sendable {
    /// Red.
    case bad
    /// Yellow.
    case soon
}

extension CommandOutput {
    /// Whether standard output shows colours.
    package static var hasColours: Bool { hasColours(STDOUT_FILENO) }

    /// Whether that descriptor is a terminal on which people want colours.
    package static func hasColours(_ descriptor: Int32) -> Bool {
        isatty(descriptor) == 1 && !isSet("NO_COLOR") && getenv("TERM").map { String(cString: $0) } != "dumb"
    }

    /// The line as `hasColours` wants it. It is not made printable, and so must come from us alone.
    package static func styled(_ line: String, _ emphasis: Emphasis?, inColours: Bool) -> String {
        switch emphasis {
        case .bad where inColours: "\u{1B}[31m\(line)\u{1B}[0m"
        case .soon where inColours: "\u{1B}[33m\(line)\u{1B}[0m"
        default: line
        }
    }

    private static func isSet(_ variable: String) -> Bool {
        getenv(variable).map { $0.pointee != 0 } ?? false
    }
}
