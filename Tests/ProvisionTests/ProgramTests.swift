import CommandSupport
import Files
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("The program provision")
struct ProgramTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
    }

    private func run(_ arguments: String..., environment: [String: String] = [:]) async throws -> Program.Outcome {
        try await Program.run("provision", arguments, in: lab.folder.path, environment: environment)
    }

    @Test("works in the current folder and shows paths as one would type them")
    func works() async throws {
        let outcome = try await run("new-pi", "north", "--host", "lab.example", "--days", "90")
        #expect(outcome.exitCode == 0)
        #expect(outcome.errors == "")
        #expect(outcome.output.contains("\n  secure-receiver --cert certs/server.pem\n"))
        #expect(outcome.output.contains("\n  scp pis/north.tar.gz pi@north.local:\n"))
        #expect(outcome.output.contains("\n  secure-sender lab.example "))
        try lab.expectWhole()
        let again = try await run("new-pi", "north")
        #expect(again.exitCode == 73)
        #expect(again.output == "")
        #expect(again.errors.hasPrefix("north exists already: see ids.txt, pis/north, pis/north.tar.gz\n  hint: "))
    }

    @Test("says its version, and makes nothing for that")
    func version() async throws {
        let outcome = try await run("--version")
        #expect(outcome.output == "\(programVersion)\n")
        #expect(outcome.exitCode == 0)
        #expect(lab.folder.files() == [])
    }

    @Test("never prints a secret, neither when it succeeds nor when it fails")
    func secret() async throws {
        var printed = ""
        for arguments in [["new-pi", "north"], ["new-pi"], ["new-pi", "north"], ["new-pi", "--days", "0"]] {
            let outcome = try await Program.run("provision", arguments, in: lab.folder.path)
            printed += outcome.output + outcome.errors
        }
        let secrets = try lab.text("ids.txt").split(separator: "\n").filter { !$0.hasPrefix("#") }.map { $0.prefix(16) }
        #expect(secrets.count == 2)
        for secret in secrets { #expect(!printed.contains(secret)) }
        #expect(!printed.contains("PRIVATE KEY"))
    }

    @Test(
        "refuses what is no name for a Pi, and makes nothing",
        arguments: [
            "Pi-01", "a.b", "", "../x", "-pi", "pi-", "a/b", "pi 1", "pi_1", "märz", ".", "..", ".staging",
            String(repeating: "a", count: 64),
        ])
    func names(name: String) async throws {
        let outcome = try await run("new-pi", "--", name)
        #expect(outcome.exitCode == 64)
        #expect(outcome.errors.contains("1 to 63 of a-z, 0-9 and inner hyphens"))
        #expect(try namesInFolder(lab.folder.path) == [])
    }

    @Test(
        "refuses options that cannot be meant, and makes nothing",
        arguments: [
            ["--days", "0"], ["--days", "2"], ["--days", "9126"], ["--days", "-1"], ["--days", "x"],
            ["--host", "a,DNS:evil"],
            ["--host", ""],
            ["--host", "http://lab"], ["--trust-domain", "Lab"], ["--trust-domain", "a/b"], ["--trust-domain", ""],
            ["--nonsense"],
            ["one", "two"], ["-pi"],
        ])
    func options(arguments: [String]) async throws {
        let outcome = try await Program.run("provision", ["new-pi"] + arguments, in: lab.folder.path)
        #expect(outcome.exitCode == 64)
        #expect(outcome.output == "" && !outcome.errors.isEmpty)
        #expect(try namesInFolder(lab.folder.path) == [])
    }

    @Test("makes different Pis when it is started many times at once, the first use included")
    func atOnce() async throws {
        let outcomes = try await withThrowingTaskGroup(of: Program.Outcome.self) { group in
            for _ in 1...5 {
                group.addTask { [path = lab.folder.path] in try await Program.run("provision", ["new-pi"], in: path) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for outcome in outcomes { #expect(outcome.exitCode == 0, "\(outcome.errors)") }
        try lab.expectWhole()
        #expect(try lab.identifiers().named.keys.map(\.text).sorted() == (1...5).map { "pi-0\($0)" })
        #expect(outcomes.count { $0.output.contains("This folder is used for the first time") } == 1)
    }

    @Test("needs no other program")
    func alone() async throws {
        let outcome = try await run("new-pi", environment: ["PATH": lab.folder.path])
        #expect(outcome.exitCode == 0)
        try lab.expectWhole()
    }

    @Test("writes its words into no file when its output is closed")
    func closedOutput() async throws {
        let provision = Program.path("provision")
        let outcome = try await Program.run(
            "/bin/sh", ["-c", "exec \"$0\" new-pi >&- 2>&- <&-", provision], in: lab.folder.path)
        #expect(outcome.exitCode == 0)
        try lab.expectWhole()
        for (name, bytes) in try lab.contents() {
            #expect(!String(decoding: bytes, as: UTF8.self).contains("secure-sender"), "\(name)")
        }
    }

    @Test(
        "says what is wrong with options of renew that do not go together",
        arguments: [
            (["--ca", "--server"], "--ca does not go with --server"),
            (["--ca", "--all"], "--ca does not go with --all"),
            (["--ca", "north"], "--ca does not go with the Pi north"),
            (["--finish"], "--finish goes with --ca: provision"),
            (["--copied"], "--copied goes with --ca --finish: provision"),
            (["--all", "--server"], "leave --server out"),
            (["--server", "north"], "one after the other"), ([], "Say what to renew"),
        ])
    func renewUsage(arguments: [String], words: String) async throws {
        let outcome = try await Program.run("provision", ["renew"] + arguments, in: lab.folder.path)
        #expect(outcome.exitCode == 64)
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
    }

    @Test("renews a Pi that is named twice once")
    func twice() async throws {
        try lab.newPi("north")
        let outcome = try await run("renew", "north", "north")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(outcome.output.split(separator: "\n").count { $0.hasPrefix("Renewed north") } == 1)
    }

    @Test("fails where what it is asked for cannot be written", arguments: [["list"], ["list", "--json"], ["check"]])
    func fullOutput(arguments: [String]) async throws {
        try lab.newPi("north")
        let command = "exec \"$0\" \"$@\" >/dev/full"
        let outcome = try await Program.run(
            "/bin/sh", ["-c", command, Program.path("provision")] + arguments, in: lab.folder.path)
        #expect(outcome.exitCode == 74)
        #expect(outcome.errors.hasPrefix("the output could not be written: No space left on device\n  hint: "))
    }

    @Test("shows an example session in its help")
    func help() async throws {
        let outcome = try await run("--help")
        #expect(outcome.exitCode == 0)
        #expect(outcome.output.contains("$ provision new-pi"))
        #expect(try await run("new-pi", "--help").output.contains("$ scp pis/greenhouse.tar.gz"))
    }
}
