import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

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
