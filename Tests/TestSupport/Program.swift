package import Foundation

/// One of the built programs, run as a user runs it: they lie beside the test binary.
package enum Program {
    package struct Outcome: Sendable {
        package let exitCode: Int32
        package let output: String
        package let errors: String
    }

    package static func path(_ name: String) -> String {
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// Runs `name` (a built program, or an absolute path) to its end. Output goes through files: a pipe that nobody reads
    /// would block the program.
    package static func run(
        _ name: String, _ arguments: [String], in folder: String? = nil, environment: [String: String] = [:]
    ) async throws -> Outcome {
        let logs = try TemporaryFolder()
        let process = try prepare(name, arguments, in: folder, environment: environment, logs: logs)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return Outcome(
            exitCode: process.terminationStatus,
            output: String(decoding: try logs.read("output"), as: UTF8.self),
            errors: String(decoding: try logs.read("errors"), as: UTF8.self))
    }

    package static func prepare(
        _ name: String, _ arguments: [String], in folder: String?, environment: [String: String], logs: TemporaryFolder
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: name.hasPrefix("/") ? name : path(name))
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        try logs.write([], to: "output")
        try logs.write([], to: "errors")
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: logs("output"))
        process.standardError = FileHandle(forWritingAtPath: logs("errors"))
        return process
    }
}
