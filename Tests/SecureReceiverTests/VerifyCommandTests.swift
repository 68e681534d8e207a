import CommandSupport
import Foundation
import TestSupport
import Testing

@testable import SecureReceiver

@Suite("secure-receiver verify")
struct VerifyCommandTests {
    /// Uploads three files and runs `body` while the receiver has the store open.
    private func beside(
        _ body: @escaping @Sendable (RunningReceiver, _ verify: Verify) async throws -> Void
    ) async throws {
        try await RunningReceiver.run { receiver in
            for (pi, path, content) in [("pi-01", "a.json", "one"), ("pi-01", "a.json", "two"), ("pi-02", "b", "x")] {
                let answer = try await receiver.answer(
                    to: receiver.request(pi: pi, path: path, body: Array(content.utf8)), as: pi)
                #expect([200, 201].contains(answer.status))
            }
            try await body(receiver) { arguments in
                try await Program.run("secure-receiver", ["verify"] + arguments, in: receiver.folder.path)
            }
        }
    }

    private typealias Verify = @Sendable (_ arguments: [String]) async throws -> Program.Outcome

    @Test("ends with 0 where all is sound, beside the receiver")
    func sound() async throws {
        try await beside { _, verify in
            let outcome = try await verify([])
            #expect(outcome.output == "Verified received_files, 7 bytes: 3 files sound, 0 faults.\n")
            #expect(outcome.errors == "")
            #expect(outcome.exitCode == 0)
            #expect(
                try await verify(["--pi", "pi-02", "--json"]).output
                    == #"{"bytes":1,"faults":0,"notOurs":0,"sound":1,"type":"summary","underWay":0,"unreadable":0}"#
                    + "\n"
            )
        }
    }

    @Test("says what is wrong, where, and what to do, and ends with 65")
    func faults() async throws {
        try await beside { receiver, verify in
            try receiver.folder.write("twO".utf8, to: "received_files/pi-01/a.json")
            try receiver.folder.write("".utf8, to: "received_files/pi-02/\u{202e}\n\u{1b}[2J")
            let text = try await verify([])
            #expect(text.exitCode == 65)
            let lines = text.output.split(separator: "\n").sorted()
            #expect(lines.count == 5, "\(text.output)")
            #expect(lines.contains { $0.hasPrefix("fault: pi-01/a.json: the content is not what was received: its ") })
            #expect(
                lines.contains(#"fault: pi-02/\u{202e}\u{a}\u{1b}[2J: there is no receipt beside it"#), "\(lines)")
            // What was not as it should be was read twice.
            #expect(lines.contains("Verified received_files, 10 bytes: 2 files sound, 2 faults."))
            #expect(lines.count { $0.hasPrefix("  mend it: ") } == 2)

            let json = try await verify(["--json"])
            #expect(json.exitCode == 65)
            let objects = try json.output.split(separator: "\n").map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            #expect(json.output.utf8.allSatisfy { $0 < 0x7f })
            #expect(
                Set(objects.dropLast().map { $0["path"] as? String }) == ["pi-01/a.json", "pi-02/\u{202e}\n\u{1b}[2J"])
            #expect(Set(objects.dropLast().map { $0["fault"] as? String }) == ["content-changed", "receipt-missing"])
            #expect(objects.last?["type"] as? String == "summary")
        }
    }

    @Test(
        "ends with 74 where the store, the Pi or the certificates cannot be read, and with 64 for what is no Pi's name")
    func unreadable() async throws {
        try await beside { _, verify in
            for arguments in [["--store", "none"], ["--pi", "pi-03"], ["--certs", "none"]] {
                let outcome = try await verify(arguments)
                #expect(outcome.exitCode == 74)
                #expect(outcome.errors.contains(" cannot be verified: cannot open "), "\(outcome.errors)")
                #expect(outcome.output == "")
            }
            #expect(try await verify(["--pi", "../pi-01"]).exitCode == 64)
        }
    }

    @Test("is not needed to serve: without it, a certificate is")
    func serving() async throws {
        let outcome = try await Program.run("secure-receiver", [])
        #expect(outcome.exitCode == 64)
        #expect(outcome.errors.hasPrefix("Error: Missing expected argument '--cert <file>'"))
    }

    @Test("has the version that the receiver has", arguments: [["--version"], ["verify", "--version"]])
    func version(arguments: [String]) async throws {
        let outcome = try await Program.run("secure-receiver", arguments)
        #expect(outcome.output == "\(programVersion)\n")
        #expect(outcome.exitCode == 0)
    }
}
