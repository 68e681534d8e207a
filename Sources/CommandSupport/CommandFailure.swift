/// A failure that ends a command, or one file's part of it: what failed, why in this case, and the way out.
///
/// `message` stands at the start of the line and is fixed, so that scripts can look for it.
package struct CommandFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String
    package let reason: String?
    package let hint: String?
    package let exitCode: ExitStatus

    package init(_ message: String, reason: String? = nil, hint: String? = nil, exitCode: ExitStatus) {
        self.message = message
        self.reason = reason
        self.hint = hint
        self.exitCode = exitCode
    }

    /// As it goes to standard error: one line, and one for the hint.
    package var description: String {
        let line = reason.map { "\(message): \($0)" } ?? message
        return hint.map { "\(line)\n  hint: \($0)" } ?? line
    }
}

/// Exit codes (sysexits.h) that the three commands share.
package enum ExitStatus: Int32, Sendable {
    case success = 0
    /// All works, but something wants to be looked at.
    case warnings = 1
    case usage = 64
    case dataError = 65
    case noInput = 66
    case unavailable = 69
    case cannotCreate = 73
    case ioError = 74
    case temporaryFailure = 75
    case authenticationFailed = 77
    case configuration = 78
}
