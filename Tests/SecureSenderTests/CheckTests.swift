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
    private static let now = Int64(Date().timeIntervalSince1970)

    /// A receiver that answers each question for its status like this.
    private func listen(
        _ station: Station, into store: Store? = nil,
        _ answer: @escaping @Sendable (Answers, Int) -> [UInt8] = { answers, _ in answers.status() }
    ) throws -> ScriptedReceiver {
        let answers = station.answers
        return try station.listen { connection in
            for number in 0... {
                store?.keep(try connection.nextRequest())
                try connection.send(answer(answers, number))
            }
        }
    }

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

// MARK: - What fails on the way

extension CheckTests {
    @Test("tells a name that does not exist from an address that is none")
    func names() async throws {
        let station = try Station()
        for host in ["no-such-host.invalid", "https://lab"] {
            let outcome = try await station.check(TestPort.closed, host: host)
            #expect(outcome.steps.last == "failed address")
            #expect(outcome.errors.contains(" could not be reached: "))
            #expect(outcome.exitCode == 69)
        }
    }

    @Test("tells a port on which nothing listens from a firewall that drops")
    func connections() async throws {
        let station = try Station()
        let refused = try await station.check(TestPort.closed)
        #expect(refused.steps.last == "failed connection")
        #expect(refused.errors.contains("Connection refused\n  hint: that computer is there, but nothing listens on"))
        #expect(refused.exitCode == 69)
        var settings = SenderSettings.quick
        settings.connectTimeLimit = .milliseconds(200)
        let silent = try SilentPort()
        let dropped = try await station.look(silent.port, settings: settings)
        withExtendedLifetime(silent) {}
        #expect(dropped.findings.last == CheckFinding(.connection, .failed, ""))
        #expect(dropped.failure?.reason == "Connection timed out")
        #expect(dropped.failure?.hint?.contains("a firewall drops port") == true)
    }

    @Test(
        "says what else it is that listens there",
        arguments: [
            ("HTTP/1.1 400 Bad Request\r\n\r\n", "what listens there is a web server without TLS"),
            ("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "what listens there is an SSH server"),
            ("220 mail.example ESMTP\r\n", "what listens there is a mail or FTP server"),
            ("hello?", "what listens there is something that does not speak TLS"),
        ])
    func otherServices(answer: String, words: String) async throws {
        let station = try Station()
        let listener = try PlainListener(answer: answer)
        let outcome = try await station.check(listener.port)
        #expect(outcome.steps.last == "failed receiver")
        #expect(outcome.errors.contains(" could not be reached: \(words)\n"), "\(outcome.errors)")
        #expect(outcome.exitCode == 69)
    }

    @Test("waits for a mute listener no longer than for a handshake")
    func mute() async throws {
        let station = try Station()
        var settings = SenderSettings.quick
        settings.handshakeTimeLimit = .milliseconds(200)
        let listener = try PlainListener(answer: nil)
        let outcome = try await station.look(listener.port, settings: settings)
        #expect(outcome.findings.last == CheckFinding(.receiver, .failed, ""))
        #expect(outcome.failure?.exitCode == .unavailable)
    }

    @Test("says whose certificate it is that answers in the receiver's place: Authentication failed, exit 77")
    func strangers() async throws {
        let station = try Station()
        let other = try TestLab()
        let portal = try other.leaf(
            names: ["DNS:login.hotel.example", "DNS:hotel.example"], extendedKeyUsage: "serverAuth")
        for (identity, words, hint) in [
            (try other.receiver(), "it shows the certificate of a secure-receiver", "is ca.pem the one of"),
            (portal, "it shows a certificate for login.hotel.example, hotel.example", "wants a login first"),
            (station.pi, "it shows the certificate of a Pi", "certs/server.pem"),
        ] {
            let receiver = try ScriptedReceiver(as: identity, in: station.lab) { _ in }
            let outcome = try await station.check(receiver.port)
            #expect(outcome.steps.last == "failed receiver")
            #expect(outcome.errors.hasPrefix("Authentication failed: what answers at "))
            #expect(outcome.errors.contains("; \(words)\n"), "\(outcome.errors)")
            #expect(outcome.errors.contains(hint))
            #expect(outcome.exitCode == 77)
        }
    }

    @Test("takes the alert that refuses our certificate for a refusal, not for the network's fault")
    func refusedCertificate() async throws {
        let station = try Station()
        let receiver = try ScriptedReceiver(as: station.receiver, in: TestLab()) { _ in }
        let outcome = try await station.check(receiver.port)
        #expect(outcome.steps.last == "failed acceptance")
        #expect(outcome.errors.hasPrefix("Authentication failed: the receiver at https://127.0.0.1:"))
        #expect(outcome.errors.contains(" refuses this Pi's certificate: "))
        #expect(outcome.exitCode == 77)
    }

    @Test("fails where no answer comes, or none that can be read", arguments: ["", "220 mail ready\r\n"])
    func noAnswer(answer: String) async throws {
        let station = try Station()
        let receiver = try station.listen { connection in
            _ = try connection.nextRequest()
            if !answer.isEmpty { try connection.send(Array(answer.utf8)) }
        }
        let outcome = try await station.check(receiver.port)
        #expect(outcome.steps.last == "failed acceptance")
        #expect(outcome.errors.contains(" could not be reached: "))
        #expect(outcome.exitCode == 69)
    }
}

// MARK: - What the receiver says

extension CheckTests {
    @Test(
        "fails at the signature where the receiver does not know the Pi",
        arguments: [
            (Problem.authenticationFailed, "the receiver does not accept the signature of pi-01 (401 "),
            (Problem.identityMismatch, "certificate and signature name different Pis (403 "),
        ])
    func signature(problem: Problem, words: String) async throws {
        let station = try Station()
        let receiver = try listen(station) { answers, _ in answers.problem(problem) }
        let outcome = try await station.check(receiver.port)
        #expect(outcome.steps.suffix(2) == ["ok acceptance", "failed signature"])
        #expect(outcome.errors.hasPrefix("Authentication failed: \(words)"), "\(outcome.errors)")
        #expect(outcome.exitCode == 77)
    }

    @Test("takes the receiver's time where the Pi's is not accepted, and warns")
    func clock() async throws {
        let station = try Station()
        let store = Store()
        let receiver = try listen(station, into: store) { answers, number in
            number == 0
                ? answers.problem(.clockSkew, fields: [answers.date(ahead: 86_400 * 3)])
                : answers.status(ahead: 86_400 * 3)
        }
        let outcome = try await station.check(receiver.port)
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(outcome.steps.suffix(3) == ["ok signature", "warning clock", "ok room"])
        #expect(outcome.output.contains("3 days behind the receiver's"))
        #expect(store.all.count == 2)
        let created = store.all[1].fields["signature-input"]?.components(separatedBy: "created=").last.flatMap {
            Int64($0.prefix { $0.isNumber })
        }
        #expect(abs((created ?? 0) - Self.now - 86_400 * 3) < 600)
    }

    @Test("fails where even the receiver's own time is not accepted, exit 75")
    func stubbornClock() async throws {
        let station = try Station()
        let receiver = try listen(station) { answers, _ in answers.problem(.clockSkew, fields: [answers.date()]) }
        let outcome = try await station.check(receiver.port)
        #expect(outcome.steps.last == "failed signature")
        #expect(outcome.exitCode == 75)
    }

    @Test("fails where the receiver takes nothing now, exit 75")
    func draining() async throws {
        let station = try Station()
        let receiver = try listen(station) { answers, _ in answers.problem(.draining, fields: [("Retry-After", "5")]) }
        let outcome = try await station.check(receiver.port)
        #expect(outcome.errors.hasPrefix("The receiver takes nothing at the moment: the receiver is shutting down"))
        #expect(outcome.errors.hasSuffix("hint: try again in 5 seconds\n"))
        #expect(outcome.exitCode == 75)
    }

    @Test("fails where the receiver has no room, exit 75")
    func full() async throws {
        let station = try Station()
        let receiver = try listen(station) { answers, _ in answers.status(available: 0) }
        let outcome = try await station.check(receiver.port)
        #expect(outcome.steps.suffix(2) == ["ok clock", "failed room"])
        #expect(outcome.errors.hasPrefix("The receiver's disk is full: "))
        #expect(outcome.exitCode == 75)
    }

    @Test("never shows the secret")
    func noSecret() async throws {
        let station = try Station()
        let secret = station.secret.key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        let receiver = try listen(station) { answers, _ in answers.problem(.authenticationFailed) }
        let outcome = try await station.check(receiver.port)
        #expect(!(outcome.output + outcome.errors).contains(secret))
    }
}

@Suite("A line of a check")
struct CheckLineTests {
    @Test("stands in columns, with the hint below")
    func columns() {
        let finding = CheckFinding(.clock, .warning, "late", hint: "wind it up")
        #expect(
            TextCheckReport.lines(finding, inColours: false) == ["warning  clock          late", "  hint: wind it up"])
        #expect(TextCheckReport.lines(CheckFinding(.room, .failed, ""), inColours: false) == ["failed   room"])
    }

    @Test("has colours for what is not well, and shows escaped what others could have put into it")
    func colours() {
        let finding = CheckFinding(.address, .ok, "a\u{1B}[31mb")
        #expect(TextCheckReport.lines(finding, inColours: true) == ["ok       address        a\\u{1b}[31mb"])
        let failed = TextCheckReport.lines(CheckFinding(.room, .failed, ""), inColours: true)
        #expect(failed == ["\u{1B}[31mfailed   \u{1B}[0mroom"])
    }
}

/// Ports that answer in no way of their own.
enum TestPort {
    /// Nothing listens there.
    static let closed: UInt16 = 1
}

struct CheckOutcome: Sendable {
    let findings: [CheckFinding]
    let failure: CommandFailure?
}

extension Station {
    /// Runs the built program.
    func check(_ port: UInt16, host: String = "127.0.0.1", _ arguments: [String] = []) async throws -> Program.Outcome {
        try await Program.run(
            "secure-sender",
            ["check", host] + arguments + ["--port", "\(port)", "--identity", folder("identity")], in: folder.path)
    }

    /// Inside the test's process, where time limits can be chosen.
    func look(_ port: UInt16, settings: SenderSettings) async throws -> CheckOutcome {
        let identity = folder("identity")
        return try await blocking {
            var findings: [CheckFinding] = []
            var check = Check(
                address: "127.0.0.1", port: port, folder: nil, sentFolder: nil, identityFolder: identity
            ) { findings.append($0) }
            check.settings = settings
            do throws(CommandFailure) {
                try check.run()
                return CheckOutcome(findings: findings, failure: nil)
            } catch {
                return CheckOutcome(findings: findings, failure: error)
            }
        }
    }
}

extension Program.Outcome {
    /// `ok identity`, …
    fileprivate var steps: [String] {
        output.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words.count >= 2 && ["ok", "warning", "failed"].contains(words[0]) ? "\(words[0]) \(words[1])" : nil
        }
    }
}

extension Answers {
    /// `ahead`: seconds by which the receiver's clock is.
    fileprivate func status(available: Int64 = 12_345_678_901, ahead: Int64 = 0) -> [UInt8] {
        let time = Int64(Date().timeIntervalSince1970) + ahead
        return message(
            status: 200, body: ReceiverStatus(available: available, largest: 1_000_000_000, time: time).json,
            fields: [("Content-Type", ReceiverStatus.contentType), date(ahead: ahead)])
    }

    fileprivate func date(ahead: Int64 = 0) -> (String, String) {
        ("Date", HTTPDate.format(Int64(Date().timeIntervalSince1970) + ahead))
    }
}
