package import ArgumentParser
import Glibc

extension ParsableCommand {
    /// What `main()` of each command does: parses, runs, prints a failure in our form and ends with its exit code.
    package static func runToExit() -> Never {
        do {
            var command = try parseAsRoot()
            try command.run()
            Glibc.exit(ExitStatus.success.rawValue)
        } catch let failure as CommandFailure {
            CommandOutput.complain(failure)
            Glibc.exit(failure.exitCode.rawValue)
        } catch {
            exit(withError: error)
        }
    }
}
