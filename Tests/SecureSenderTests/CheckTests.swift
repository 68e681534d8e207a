import CertificateAuthority
import CommandSupport
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("secure-sender check")
struct CheckTests {
    static let now = Int64(Date().timeIntervalSince1970)

    @Test("names every step, and asks the receiver one question that stores nothing")
    func allIsWell() async throws {
        let station = try Station(files: ["a": "1", "b": "2"])
        let store = Store()
        let receiver = try listen(station, into: store)
        let outcome = try await station.check(receiver.port, [station.folder("data")])
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(outcome.steps == CheckStep.allCases.dropFirst().map { "ok \($0.rawValue)" })
        #expect(outcome.output.hasSuffix("All is well.\n"))
        #expect(outcome.output.contains("data: 2 files\n"))
        #expect(outcome.output.contains("go to \(station.folder("sent_files")), which the first run makes\n"))
        // It could become another user's than that of the runs.
        #expect(!FileManager.default.fileExists(atPath: station.folder("sent_files")))
        #expect(outcome.output.contains("room           12.3 GB at the receiver, for files of at most 1.0 GB\n"))
        #expect(outcome.errors == "")
        #expect(store.all.map { "\($0.method) \($0.target)" } == ["GET /v1/status"])
        #expect(station.waitingFiles == ["a", "b"])
    }

    @Test("does without the folder")
    func withoutFolder() async throws {
        let station = try Station()
        let receiver = try listen(station)
        let outcome = try await station.check(receiver.port)
        #expect(outcome.exitCode == 0)
        let steps = CheckStep.allCases.filter { ![.configuration, .folder, .sentFiles].contains($0) }
        #expect(outcome.steps == steps.map { "ok \($0.rawValue)" })
    }

    @Test("counts the files that a run would send with the same patterns, wherever these are set")
    func patterns() async throws {
        let station = try Station(files: ["a.csv": "1", "b.csv": "2", "c.tmp": "3"])
        let receiver = try listen(station)
        let typed = try await station.check(receiver.port, [station.folder("data"), "--include", "*.csv"])
        #expect(typed.output.contains("data: 2 files\n"), "\(typed.errors)")
        try station.folder.write(Array("exclude = [\"*.tmp\", \"b*\"]".utf8), to: "secure-sender.toml")
        let set = try await station.check(receiver.port, [station.folder("data")])
        #expect(set.output.contains("data: 1 file\n"), "\(set.errors)")
    }

    @Test("takes a receiver that does not know the question for one that accepts the signature")
    func earlierReceiver() async throws {
        let station = try Station()
        let receiver = try listen(station) { answers, _ in answers.problem(.notFound, fields: [answers.date()]) }
        let outcome = try await station.check(receiver.port)
        #expect(outcome.exitCode == 0)
        #expect(outcome.output.contains("not told: the receiver is of an earlier version\nAll is well."))
    }

    @Test("wants the receiver's address: Missing arguments, exit 64")
    func missingArguments() async throws {
        let outcome = try await Program.run("secure-sender", ["check"])
        #expect(outcome.errors.hasPrefix("Missing arguments: the receiver's address is needed\n  hint: "))
        #expect(outcome.exitCode == 64)
    }

    @Test("explains itself in both ways of asking for help", arguments: [["check", "--help"], ["help", "check"]])
    func help(arguments: [String]) async throws {
        let outcome = try await Program.run("secure-sender", arguments)
        #expect(outcome.output.contains("USAGE: secure-sender check <ip> [<dir>]"))
        #expect(outcome.exitCode == 0)
    }

    @Test("is not what runs for a receiver of that name behind `send`")
    func sendAlias() async throws {
        let station = try Station(files: ["a": "1"])
        let outcome = try await Program.run(
            "secure-sender", ["send", "check", station.folder("data"), "--identity", station.folder("identity")])
        #expect(outcome.errors.hasPrefix("https://check:3500 could not be reached: "))
    }
}

// MARK: - What fails here

extension CheckTests {
    @Test("fails at the identity, the folder and the folder for sent files as a run does")
    func local() async throws {
        let station = try Station()
        let port = TestPort.closed
        let missing = try await Program.run(
            "secure-sender", ["check", "127.0.0.1", "--identity", station.folder("data")])
        #expect(missing.steps == ["failed identity"])
        #expect(missing.errors.hasPrefix("PI id not found: "))
        #expect(missing.exitCode == 78)
        let noFolder = try await station.check(port, [station.folder("none")])
        #expect(noFolder.steps == ["ok identity", "failed folder"])
        #expect(noFolder.errors.hasPrefix("\(station.folder("none")) not a valid directory: "))
        #expect(noFolder.exitCode == 66)
        let noTarget = try await station.check(port, [station.folder("data"), "--sent-dir", "/proc"])
        #expect(noTarget.steps.last == "failed sent-files")
        #expect(noTarget.exitCode == 73)
        let noParent = try await station.check(
            port, [station.folder("data"), "--sent-dir", station.folder("none/sent")])
        #expect(noParent.steps.last == "failed sent-files")
        #expect(noParent.exitCode == 73)
    }

    @Test("warns of secret files that everybody can read")
    func openFiles() async throws {
        let station = try Station()
        chmod(station.folder("identity/secret.py"), 0o644)
        let receiver = try listen(station)
        let outcome = try await station.check(receiver.port)
        #expect(outcome.steps.first == "warning identity")
        #expect(outcome.output.contains("\n  hint: chmod 600 \(station.folder("identity/secret.py"))\n"))
        #expect(outcome.output.hasSuffix("Files can be sent; see 1 warning.\n"))
        #expect(outcome.exitCode == 0)
    }

    @Test("fails at an own certificate that has ended, and warns of one that ends soon")
    func ownCertificate() async throws {
        let station = try Station()
        let name = "URI:spiffe://test-lab/pi/pi-01"
        let receiver = try listen(station)
        let ended = Validity(notBefore: Self.now - 7200, notAfter: Self.now - 3600)
        try station.folder.write(try station.lab.leaf(names: [name], validity: ended).pem(), to: "identity/pi.pem")
        let failed = try await station.check(receiver.port)
        #expect(failed.steps.last == "failed certificate")
        #expect(failed.errors.hasPrefix("Authentication failed: this Pi's certificate ended on "))
        #expect(failed.errors.contains("provision renew pi-01"))
        #expect(failed.exitCode == 77)
        let soon = Validity(notBefore: Self.now - 2 * 86_400, notAfter: Self.now + 5 * 86_400 + 3600)
        try station.folder.write(try station.lab.leaf(names: [name], validity: soon).pem(), to: "identity/pi.pem")
        let warned = try await station.check(receiver.port)
        #expect(warned.steps.contains("warning certificate"))
        #expect(warned.output.contains("of pi-01, ends in 5 days"))
        #expect(warned.exitCode == 0)
    }

    @Test("names the way out where the receiver says that the own certificate has ended")
    func ownCertificateEndedThere() async throws {
        let station = try Station(files: ["a": "1"])
        let ended = Validity(notBefore: Self.now - 7200, notAfter: Self.now - 3600)
        let pi = try station.lab.leaf(names: ["URI:spiffe://test-lab/pi/pi-01"], validity: ended)
        try station.folder.write(pi.pem(), to: "identity/pi.pem")
        let receiver = try listen(station)
        let outcome = try await station.send(to: receiver.port)
        #expect(outcome.errors.contains(" refuses this Pi's certificate: "), "\(outcome.errors)")
        #expect(
            outcome.errors.contains(
                "and that has passed by the receiver's clock\n  hint: on the server: provision renew pi-01;"))
        #expect(outcome.exitCode == 77)
    }

    @Test("warns of a certificate of another authority than those in ca.pem")
    func mixedLabs() async throws {
        let station = try Station()
        let other = try TestLab().pi("pi-01")
        try station.folder.write(try other.pem(), to: "identity/pi.pem")
        let receiver = try listen(station)
        let outcome = try await station.check(receiver.port)
        #expect(outcome.steps.contains("warning certificate"))
        #expect(outcome.steps.last == "failed acceptance")
    }
}
