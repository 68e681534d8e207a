import CommandSupport
import TestSupport
import Testing

@testable import SecureSender

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
