package import ArgumentParser
import Glibc

extension ParsableCommand {
    /// What `main()` of each command does: parses, runs, prints a failure in our form and ends with its exit code.
    /// `preparing` comes before the run, and not where help is all that is asked for.
    /// `finishing` comes after it. `arguments`: by default the program's.
    package static func runToExit(
        _ arguments: @autoclosure () throws -> [String]? = nil, preparing: () throws -> Void = {},
        finishing: () throws -> Void = {}
    ) -> Never {
        occupyStandardDescriptors()
        // A reader that went away (`| head`) must not end the work half way.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot(arguments())
            try preparing()
            try command.run()
            try finishing()
            Glibc.exit(ExitStatus.success.rawValue)
        } catch let failure as CommandFailure {
            CommandOutput.complain(failure)
            Glibc.exit(failure.exitCode.rawValue)
        } catch {
            let code = exitCode(for: error)
            if code.isSuccess { exit(withError: error) }
            // Not as ArgumentParser prints it: what was typed stands in it, with escape sequences perhaps.
            let message = fullMessage(for: error)
            if !message.isEmpty { CommandOutput.complain(message) }
            Glibc.exit(code.rawValue)
        }
    }
}

/// Where one of 0 to 2 is closed, the next file to be opened would get its number, and our messages into it.
package func occupyStandardDescriptors() {
    var number: Int32
    repeat { number = open("/dev/null", O_RDWR) } while (0...2).contains(number)
    if number > 2 { close(number) }
}
