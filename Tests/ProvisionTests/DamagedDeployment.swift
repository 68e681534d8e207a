import Files
import Foundation
import TestSupport
import Testing

@testable import Provision

/// What goes wrong in a deployment's folder, and what a person then types.
struct Damage: Sendable, CustomTestStringConvertible {
    /// For a shell in the folder, which holds the Pis north and south.
    let command: String
    /// Where check sees it first.
    let path: String
    /// What is typed: the mend as it is named, or what a person makes of one with words in it.
    let mend: String
    /// What of `mend` has to be named, if not all of it.
    let named: String?

    init(_ command: String, _ path: String, _ mend: String, named: String? = nil) {
        self.command = command
        self.path = path
        self.mend = mend
        self.named = named
    }

    var testDescription: String { command }
}

/// A deployment of the Pis north and south, as a person meets it in a shell.
struct DamagedDeployment {
    /// Beside the deployment there is room for what a test takes away.
    let outside: TemporaryFolder

    init() throws {
        outside = try TemporaryFolder()
        try makeFolder(outside("lab"), mode: 0o755)
        for name in ["north", "south"] {
            let request = NewPi.Request(name: try parsePiName(name), now: TestDeployment.now)
            try NewPi(deployment: Deployment(folder: outside("lab")), request: request) { _ in }.run()
        }
    }

    func shell(_ command: String) async throws -> Program.Outcome {
        let programs = URL(fileURLWithPath: Program.path("provision")).deletingLastPathComponent().path
        return try await Program.run(
            "/bin/sh", ["-c", command], in: outside("lab"), environment: ["PATH": "\(programs):/usr/bin:/bin"])
    }

    struct Report: Decodable {
        struct Finding: Decodable {
            let path: String
            let problem: String
            let mend: String
        }
        let findings: [Finding]
    }

    func check() async throws -> [Report.Finding] {
        let outcome = try await shell("timeout 20 provision check --json")
        #expect([0, 1, 65].contains(outcome.exitCode), "\(outcome.exitCode) \(outcome.errors)")
        let findings = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8)).findings
        for finding in findings { try await expectCommands(finding.mend) }
        return findings
    }

    /// Each piece of a mend is a command that there is: prose stands behind a `#` alone.
    private func expectCommands(_ mend: String) async throws {
        let parsed = try await Program.run("/bin/sh", ["-n", "-c", mend])
        #expect(parsed.exitCode == 0, "\(mend)")
        let known = [
            "cat", "chgrp", "chmod", "cp", "date", "install", "mkdir", "mv", "provision", "rm", "sed", "sudo", "tar",
            "${EDITOR:-nano}",
        ]
        let commands = mend.hasPrefix("# ") ? "" : mend.split(separator: " # ").first ?? ""
        for command in commands.split(separator: " && ") {
            #expect(known.contains { command.hasPrefix("\($0) ") || command == $0 }, "\(mend)")
            #expect(!command.contains(", "), "\(mend)")
        }
    }

    /// Damages, looks, types what is named, and goes on with what check names then, until it is clean.
    func expectMended(_ damage: Damage, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        #expect(try await shell("cp -a . ../copy && \(damage.command)").exitCode == 0, sourceLocation: sourceLocation)
        var findings = try await check()
        let first = findings.map { "\($0.path) | \($0.problem) | \($0.mend)" }.joined(separator: "\n")
        #expect(
            findings.contains { $0.path == damage.path && $0.mend.contains(damage.named ?? damage.mend) }, "\(first)",
            sourceLocation: sourceLocation)
        var typed = [damage.mend]
        for _ in 1...4 where !findings.isEmpty {
            for command in typed {
                let outcome = try await shell(command)
                #expect(
                    outcome.exitCode == 0, "\(command)\n\(outcome.output)\n\(outcome.errors)",
                    sourceLocation: sourceLocation)
            }
            findings = try await check()
            typed = findings.map { Self.command(in: $0.mend) }.reduce(into: []) {
                if !$0.contains($1) { $0.append($1) }
            }
        }
        let left = findings.map { "\($0.path) | \($0.problem) | \($0.mend)" }.joined(separator: "\n")
        #expect(findings.isEmpty, "at first:\n\(first)\nat last:\n\(left)", sourceLocation: sourceLocation)
        // And it works: each Pi has all that it needs.
        #expect(
            try await shell("provision bundle north && provision new-pi").exitCode == 0, sourceLocation: sourceLocation)
    }

    /// Where words stand around it: the last one that is named.
    private static func command(in mend: String) -> String {
        if mend.hasSuffix(" --finish"), let end = mend.split(separator: ": ").last { return String(end) }
        return mend.split(separator: "; if not: ").last.map(String.init) ?? mend
    }
}
