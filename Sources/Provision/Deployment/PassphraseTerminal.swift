import CommandSupport
import Glibc
import OpenSSL

/// A terminal on which a passphrase is typed without being shown.
struct PassphraseTerminal {
    let input: Int32
    let output: Int32

    private static let mostBytes = 1024

    /// What is typed up to the end of the line; throws if it is empty or cancelled.
    func ask(_ question: String) throws -> SecureBytes {
        var before = termios()
        guard tcgetattr(input, &before) == 0 else { throw cancelled("the terminal cannot be set") }
        var silent = before
        // Each key by itself and none as a signal: an interruption must not leave a terminal that shows nothing.
        silent.c_lflag &= ~tcflag_t(ECHO | ECHONL | ICANON | ISIG)
        guard tcsetattr(input, TCSADRAIN, &silent) == 0 else { throw cancelled("the terminal cannot be set") }
        defer { tcsetattr(input, TCSADRAIN, &before) }
        say(question)
        defer { say("\n") }
        return try readLine()
    }

    private func readLine() throws -> SecureBytes {
        // Its place does not change, so that no copy of it stays behind in memory.
        var typed = [UInt8](repeating: 0, count: Self.mostBytes)
        defer { for index in typed.indices { typed[index] = 0 } }
        var count = 0
        while count < typed.count {
            var key: UInt8 = 0
            let result = read(input, &key, 1)
            if result < 0, errno == EINTR { continue }
            guard result == 1 else { throw cancelled("the terminal was closed") }
            switch key {
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                guard count > 0 else { throw cancelled("nothing was typed") }
                return SecureBytes(copyOf: typed[..<count])
            case 3, 4: throw cancelled("it was cancelled")  // Ctrl-C, Ctrl-D
            case 8, 127:  // Backspace: the last character, of one byte or, in UTF-8, more.
                while count > 0 {
                    count -= 1
                    if typed[count] & 0xc0 != 0x80 { break }
                }
            case 21: count = 0  // Ctrl-U
            default:
                typed[count] = key
                count += 1
            }
        }
        throw cancelled("it is longer than \(Self.mostBytes) bytes")
    }

    private func say(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(output, bytes, bytes.count)
    }

    private func cancelled(_ reason: String) -> CommandFailure {
        CommandFailure("no passphrase was given", reason: reason, hint: "run this again", exitCode: .usage)
    }
}
