import CLinux
import CommandSupport
import Glibc

/// The terminal of standard error, on which one line is drawn again and again. The cursor is never hidden, so that
/// whatever ends us leaves it as it was.
enum Terminal {
    /// Whether such a line can be drawn.
    static var isThere: Bool {
        isatty(STDERR_FILENO) == 1 && getenv("TERM").map { String(cString: $0) } != "dumb"
    }

    /// Columns; a terminal that does not say it has 80.
    static var width: Int {
        let width = Int(linux_terminal_width(STDERR_FILENO))
        return width > 0 ? width : 80
    }

    /// Puts `line` in the place of what was drawn last.
    static func draw(_ line: String) {
        CommandOutput.draw("\r\(CommandOutput.printable(line))\u{1B}[K")
    }

    static func erase() {
        CommandOutput.draw("\r\u{1B}[K")
    }

    /// So that the shell's prompt does not stand behind the bar if a signal ends us.
    static func eraseAtSignals() {
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            var action = sigaction()
            // Whoever takes care of it, or passes over it, goes on to do so.
            guard sigaction(number, nil, &action) == 0, action.__sigaction_handler.sa_handler == nil else { continue }
            signal(number) { number in
                let bytes: StaticString = "\r\u{1B}[K"
                // Both are among signal-safety(7).
                _ = write(STDERR_FILENO, bytes.utf8Start, bytes.utf8CodeUnitCount)
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }
}
