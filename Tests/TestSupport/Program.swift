package import Foundation

/// One of the built programs, run as a user runs it: they lie beside the test binary.
///
/// Started by posix_spawn(3): Foundation's Process, run by several tests at once, was seen to read beyond its memory.
package final class Program: Sendable {
    package struct Outcome: Sendable {
        /// 128 and the signal's number if a signal ended it, as in a shell.
        package let exitCode: Int32
        package let output: String
        package let errors: String
    }

    package let pid: pid_t
    // Output goes through files: a pipe that nobody reads would block the program.
    private let logs: TemporaryFolder

    package static func path(_ name: String) -> String {
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// Runs `name` (a built program, or an absolute path) to its end.
    package static func run(
        _ name: String, _ arguments: [String], in folder: String? = nil, environment: [String: String] = [:]
    ) async throws -> Outcome {
        try await Program(starting: name, arguments, in: folder, environment: environment).outcome()
    }

    /// Starts `name`; to be followed by one `outcome()`. It inherits `descriptor` as number 3, and its errors go to `errors`
    /// instead of a file.
    package init(
        starting name: String, _ arguments: [String], in folder: String? = nil, environment: [String: String] = [:],
        inheriting descriptor: Int32? = nil, errors: Int32? = nil
    ) throws {
        logs = try TemporaryFolder()
        var command = [name.hasPrefix("/") ? name : Self.path(name)] + arguments
        // env(1) changes the folder and then becomes the program: the same process.
        if let folder { command = ["/usr/bin/env", "--chdir=\(folder)"] + command }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, logs("output"), O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, logs("errors"), O_WRONLY | O_CREAT, 0o600)
        if let errors { posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO) }
        // Also where it has that number already: it is then no longer closed by the exec(3).
        if let descriptor { posix_spawn_file_actions_adddup2(&actions, descriptor, 3) }
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var argumentList = command.map { strdup($0) } + [nil]
        var environmentList = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for string in argumentList + environmentList { free(string) } }
        var started = pid_t()
        let result = posix_spawn(&started, command[0], &actions, nil, &argumentList, &environmentList)
        guard result == 0 else { throw Failure(description: "\(command[0]): \(String(cString: strerror(result)))") }
        pid = started
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// Waits for the program's end.
    package func outcome() async throws -> Outcome {
        let pid = pid
        let status = try await blocking {
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 {
                guard errno == EINTR else { throw Failure(description: "waitpid: \(String(cString: strerror(errno)))") }
            }
            return status
        }
        let signal = status & 0x7f
        return Outcome(
            exitCode: signal == 0 ? status >> 8 & 0xff : 128 + signal,
            output: String(decoding: try logs.read("output"), as: UTF8.self),
            errors: String(decoding: try logs.read("errors"), as: UTF8.self))
    }

    /// What it has said so far on standard output.
    package var output: String { (try? logs.read("output")).map { String(decoding: $0, as: UTF8.self) } ?? "" }

    /// What it has said so far on standard error.
    package var errors: String { (try? logs.read("errors")).map { String(decoding: $0, as: UTF8.self) } ?? "" }

    package func send(signal: Int32) {
        kill(pid, signal)
    }
}
