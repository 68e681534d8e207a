import Files
import Foundation
import TestSupport
import Testing

@testable import SecureSender

@Suite("A program that stays", .timeLimit(.minutes(2)))
struct StayingProgramTests {
    private func start(_ station: Station, _ options: [String], to port: UInt16) throws -> Program {
        try Program(
            starting: "secure-sender",
            [
                "127.0.0.1", station.folder("data"), "--port", "\(port)", "--identity", station.folder("identity"),
                "--quiet-time", "0s",
            ] + options)
    }

    @Test("ends with 0 after SIGTERM and SIGINT", arguments: [SIGTERM, SIGINT], [["--watch"], ["--every", "1h"]])
    func stops(signal: Int32, options: [String]) async throws {
        let station = try Station(files: ["a": "1"])
        let receiver = try station.listenHonestly()
        let program = try start(station, options, to: receiver.port)
        try await waitUntil { station.sentFiles == ["a", "a.sha256"] && program.output.contains("1 file sent") }
        program.send(signal: signal)
        let outcome = try await program.outcome()
        #expect(outcome.exitCode == 0)
        #expect(outcome.errors == "")
    }

    @Test("is ended by a second signal, whatever it waits for")
    func secondSignal() async throws {
        let station = try Station(files: ["a": "1"])
        let (asked, isTold) = (SharedCount(), SharedCount())
        let receiver = try station.listenReluctantly(asked: asked, isTold: isTold)
        defer { isTold.add() }
        let program = try start(station, ["--watch"], to: receiver.port)
        try await waitUntil { asked.value == 1 }
        program.send(signal: SIGINT)
        program.send(signal: SIGTERM)
        #expect(try await program.outcome().exitCode == 128 + SIGTERM)
    }

    @Test("keeps a second one from the folder, unless that waits")
    func oneAtATime() async throws {
        let station = try Station(files: ["a": "1"])
        let receiver = try station.listenHonestly()
        let first = try start(station, ["--watch"], to: receiver.port)
        try await waitUntil { first.output.contains("1 file sent") }
        let second = try await start(station, [], to: receiver.port).outcome()
        #expect(second.exitCode == 0)
        #expect(second.errors.hasPrefix("Another secure-sender is sending from "))
        let third = try start(station, ["--wait"], to: receiver.port)
        try await waitUntil { third.errors.hasPrefix("Waiting for another secure-sender") }
        first.send(signal: SIGTERM)
        _ = try await first.outcome()
        let waited = try await third.outcome()
        #expect(waited.exitCode == 0)
        #expect(waited.output.hasPrefix("There is nothing to send"))
    }

    @Test(
        "ends with 66 when the link that was named leads elsewhere: systemd starts it again",
        arguments: [["--watch"], ["--every", "1s"]], ["", "/", "/sub"])
    func switchedLink(options: [String], ending: String) async throws {
        let station = try Station(files: ["sub/a": "1"])
        mkdir(station.folder("next"), 0o755)
        mkdir(station.folder("next/sub"), 0o755)
        symlink("data", station.folder("current"))
        let receiver = try station.listenHonestly()
        let name = station.folder("current\(ending)")
        let program = try Program(
            starting: "secure-sender",
            [
                "127.0.0.1", name, "--port", "\(receiver.port)", "--identity", station.folder("identity"),
                "--quiet-time", "0s", "--sent-dir", station.folder("sent_files"),
            ] + options)
        try await waitUntil { program.output.contains("1 file sent") }
        symlink("next", station.folder("new"))
        rename(station.folder("new"), station.folder("current"))
        let outcome = try await program.outcome()
        #expect(outcome.exitCode == 66)
        #expect(
            outcome.errors.contains(
                "\n\(name) not a valid directory: it leads to another folder now; nothing is left in "),
            "\(outcome.errors)")
    }

    @Test("says for whom it waits where another one moves files to its sent_files; a check does not wait for long")
    func waitsForOthers() async throws {
        let station = try Station(files: ["a": "1"])
        mkdir(station.folder("sent_files"), 0o755)
        let receiver = try station.listenHonestly()
        var lock: FileDescriptor? = try Folder(opening: station.folder("sent_files")).lock()
        let program = try start(station, [], to: receiver.port)
        let words =
            "Waiting for another secure-sender, which is moving files to \(realPath(station.folder("sent_files"))!)\n"
        try await waitUntil { program.errors == words }
        let check = try await Program.run(
            "secure-sender",
            [
                "check", "127.0.0.1", station.folder("data"), "--port", "\(TestPort.closed)", "--identity",
                station.folder("identity"),
            ])
        #expect(check.output.contains("ok       sent-files "))
        withExtendedLifetime(lock) {}
        lock = nil
        #expect(try await program.outcome().exitCode == 0)
        #expect(station.sentFiles == ["a", "a.sha256"])
    }

    @Test(
        "refuses options that make no sense, exit 64",
        arguments: [
            ["--watch", "--every", "1m"], ["--every", "0s"], ["--every", "1"], ["--look-every", "0s"],
            ["--quiet-time", "2d"], ["--quiet-time", "-1s"], ["--every", "999999999d"],
        ])
    func refusals(options: [String]) async throws {
        let outcome = try await Program.run("secure-sender", ["127.0.0.1", "data"] + options)
        #expect(outcome.exitCode == 64)
    }
}
