import Glibc
import Synchronization

/// What the commands say: results to standard output, failures to standard error, each line as it comes.
package enum CommandOutput {
    package static func say(_ line: String) {
        guard let code = write(line, to: STDOUT_FILENO), code != EPIPE else { return }
        lostOutput.withLock { $0 = $0 ?? code }
    }

    /// errno(3) of the first `say` that failed, though somebody listened.
    private static let lostOutput = Mutex<Int32?>(nil)

    /// For the end of a command that has done something, which stays: throws if words about it were lost. `hint`: how to
    /// see what was done.
    package static func refuseLostOutput(hint: String) throws(CommandFailure) {
        guard let code = lostOutput.withLock({ $0 }) else { return }
        throw CommandFailure(
            "what was done is done, but the output could not be written", reason: String(cString: strerror(code)),
            hint: hint, exitCode: .ioError)
    }

    /// Several lines at once, which hold what we made alone: escape sequences go out as they are.
    ///
    /// For a command that does nothing but say this: throws where it cannot, unless nobody listens any more (`| head`).
    package static func sayStyled(_ lines: [String]) throws(CommandFailure) {
        guard let code = write(bytes: lines.flatMap { Array("\($0)\n".utf8) }, to: STDOUT_FILENO), code != EPIPE else {
            return
        }
        throw CommandFailure(
            "the output could not be written", reason: String(cString: strerror(code)),
            hint: "see where it goes: is that disk full?", exitCode: .ioError)
    }

    /// A line for programs, which holds what we made alone: nothing is escaped.
    package static func sayForPrograms(_ line: String) {
        guard let code = write(bytes: Array("\(line)\n".utf8), to: STDOUT_FILENO), code != EPIPE else { return }
        lostOutput.withLock { $0 = $0 ?? code }
    }

    /// To the terminal of standard error, as it is.
    package static func draw(_ text: String) {
        write(bytes: Array(text.utf8), to: STDERR_FILENO)
    }

    package static func complain(_ failure: CommandFailure) {
        write(failure.description, to: STDERR_FILENO)
    }

    package static func complain(_ line: String) {
        write(line, to: STDERR_FILENO)
    }

    @discardableResult
    private static func write(_ line: String, to descriptor: Int32) -> Int32? {
        write(bytes: Array("\(printable(line))\n".utf8), to: descriptor)
    }

    /// Returns errno(3), or `nil` if all is written.
    @discardableResult
    private static func write(bytes: [UInt8], to descriptor: Int32) -> Int32? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            // Nobody listens any more: the work goes on all the same.
            guard count > 0 || errno == EINTR else { return errno }
            rest = rest.dropFirst(max(0, count))
        }
        return nil
    }

    /// File names come from elsewhere: what could move a terminal's cursor or turn its text around is shown escaped.
    package static func printable(_ line: String) -> String {
        guard line.unicodeScalars.contains(where: isHostile) else { return line }
        return line.unicodeScalars.reduce(into: "") { result, scalar in
            if isHostile(scalar) {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }

    /// Text from elsewhere, such as a file's name, for the middle of a line: newlines are escaped too, and it is no longer
    /// than `limit` characters.
    package static func oneLine(_ text: String, limit: Int = 300) -> String {
        let line = printable(text.count > limit ? "\(text.prefix(limit))…" : text)
        // By scalars: CR LF is one character.
        return line.unicodeScalars.reduce(into: "") { result, scalar in
            if scalar == "\n" { result += "\\u{a}" } else { result.unicodeScalars.append(scalar) }
        }
    }

    /// A library's words, for the middle of a line: its lines one behind the other.
    package static func joinedLines(_ text: String) -> String {
        oneLine(String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == "\n" ? " " : $0 })))
    }

    /// Whether it could move a terminal's cursor or turn its text around.
    package static func isHostile(_ scalar: Unicode.Scalar) -> Bool {
        (scalar.properties.generalCategory == .control && scalar != "\n") || scalar.properties.isBidiControl
    }
}
