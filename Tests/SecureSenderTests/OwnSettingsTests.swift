import Foundation
import TestSupport
import Testing

@Suite("The file with the settings of a run, in the folder that is sent")
struct OwnSettingsTests {
    private let station: Station

    /// All is said there: nothing is typed.
    init() throws {
        station = try Station(files: ["a": "1", "b.raw": "2"])
    }

    private func write(port: UInt16) throws {
        let settings = """
            ip = "127.0.0.1"
            dir = "."
            port = \(port)
            identity = "../identity"
            exclude = ["*.raw"]

            """
        try station.write(settings + "quiet-time = \"0s\"\n", to: "secure-sender.toml")
    }

    private func run(_ arguments: [String] = []) async throws -> Program.Outcome {
        try await Program.run("secure-sender", arguments, in: station.folder("data"))
    }

    @Test("stays, under each of its names, so that the next run does the same")
    func stays() async throws {
        let receiver = try station.listenHonestly()
        try write(port: receiver.port)
        for _ in 0..<2 {
            try station.write("1", to: "a")
            let outcome = try await run()
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            #expect(outcome.errors == "secure-sender.toml left out: it holds the settings of secure-sender itself\n")
            #expect(outcome.output.contains("1 file sent"))
        }
        link(station.folder("data/secure-sender.toml"), station.folder("data/other"))
        #expect(try await run().output == "There is nothing to send in .\n")
        #expect(station.waitingFiles == ["b.raw", "other", "secure-sender.toml"])
    }

    @Test("stays where it is named by --config, or by a link to it")
    func named() async throws {
        let receiver = try station.listenHonestly()
        try write(port: receiver.port)
        rename(station.folder("data/secure-sender.toml"), station.folder("data/x.toml"))
        symlink("data/x.toml", station.folder("link.toml"))
        for name in ["x.toml", "../link.toml"] {
            let outcome = try await run(["--config", name])
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            #expect(station.waitingFiles == ["b.raw", "x.toml"])
        }
    }

    @Test("is not among what a dry run lists or a check counts")
    func looks() async throws {
        try write(port: TestPort.closed)
        let dryRun = try await run(["--dry-run"])
        #expect(dryRun.output.contains("\n1 file, 1 byte\n"))
        #expect(dryRun.output.contains("  secure-sender.toml: it holds the settings of secure-sender itself\n"))
        #expect(try await run(["check"]).output.contains("ok       folder         .: 1 file\n"))
    }

    @Test("is a file like any other to a run that does not use it")
    func notInUse() async throws {
        let receiver = try station.listenHonestly()
        try write(port: receiver.port)
        rename(station.folder("data/secure-sender.toml"), station.folder("data/x.toml"))
        #expect(try await station.send(to: receiver.port).exitCode == 0)
        #expect(station.waitingFiles == [])
    }

    @Test("stays when an editor has put another in its place while the program stays", .timeLimit(.minutes(2)))
    func replaced() async throws {
        let receiver = try station.listenHonestly()
        try write(port: receiver.port)
        let program = try Program(starting: "secure-sender", ["--watch"], in: station.folder("data"))
        try await waitUntil { station.sentFiles.contains("a") }
        let settings = try station.folder.read("data/secure-sender.toml")
        try station.folder.write(settings, to: "data/.new")
        rename(station.folder("data/.new"), station.folder("data/secure-sender.toml"))
        for name in ["c", "d"] {
            try station.write("1", to: name)
            try await waitUntil { station.sentFiles.contains(name) }
        }
        program.send(signal: SIGTERM)
        #expect(try await program.outcome().exitCode == 0)
        #expect(station.waitingFiles == ["b.raw", "secure-sender.toml"])
    }
}
