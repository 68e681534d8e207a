import CertificateAuthority
import CommandSupport
import Foundation
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("A wrong clock")
struct WrongClockTests {
    private static func answer(
        _ connection: PeerConnection, _ answers: Answers, at receiverTime: Int64, seen: borrowing Mutex<[Int64]>
    ) throws {
        while true {
            let request = try connection.nextRequest()
            let created = try #require(request.created)
            seen.withLock { $0.append(created) }
            let isGood = abs(created - receiverTime) <= UploadSignature.defaultTolerance
            try connection.send(
                isGood
                    ? try answers.receipt(for: request)
                    : answers.problem(.clockSkew, fields: [("Date", HTTPDate.format(receiverTime))]))
        }
    }

    @Test("is told once, and the receiver's time is used: every file arrives", arguments: [true, false])
    func corrected(isSynchronised: Bool) async throws {
        let names = (0..<20).map { "file\($0 + 10)" }
        let station = try Station(names: names)
        let answers = station.answers
        let now = Int64(Date().timeIntervalSince1970)
        let seen = Mutex<[Int64]>([])
        let receiver = try station.listen { try Self.answer($0, answers, at: now, seen: seen) }
        let clock = SenderClock(
            isSynchronised: isSynchronised, systemTime: now - 86_400, bundleTime: now - 86_400, lastReceipt: nil,
            now: .now)
        let outcome = try await station.run(to: receiver.port, clock: clock)
        #expect(outcome.status == .success)
        #expect(outcome.sent.sorted() == names)
        let told = outcome.events.compactMap { event in
            if case .clockIsWrong(let behind, isSynchronised) = event { behind } else { Int64?.none }
        }
        #expect(told.count == 1)
        #expect(told.allSatisfy { (86_300...86_500).contains($0) })
        // Without a clock only one request finds out; with one that is believed, all that were under way.
        let wrong = seen.withLock { $0.filter { $0 < now - 300 }.count }
        #expect(isSynchronised ? wrong <= 20 : wrong == 1)
    }

    @Test("of the kernel's opinion alone, where the system clock agrees with the receiver, needs no word")
    func notSynchronisedButRight() async throws {
        let station = try Station(files: ["a": "1", "b": "2"])
        let answers = station.answers
        let now = Int64(Date().timeIntervalSince1970)
        let seen = Mutex<[Int64]>([])
        let receiver = try station.listen { try Self.answer($0, answers, at: now, seen: seen) }
        let clock = SenderClock(
            isSynchronised: false, systemTime: now, bundleTime: now - 86_400, lastReceipt: nil, now: .now)
        let outcome = try await station.run(to: receiver.port, clock: clock)
        #expect(outcome.status == .success)
        #expect(!outcome.events.contains { if case .clockIsWrong = $0 { true } else { false } })
        #expect(seen.withLock { $0.count } == 3)
    }

    @Test("takes a receiver's certificate that was renewed since the last receipt, and none that had ended by then")
    func renewedCertificate() async throws {
        let station = try Station(files: ["a": "1"])
        let now = Int64(Date().timeIntervalSince1970)
        let day: Int64 = 86_400
        let clock = { (lastReceipt: Int64) in
            SenderClock(isSynchronised: false, systemTime: 0, bundleTime: 0, lastReceipt: lastReceipt, now: .now)
        }
        let listen = { (validity: Validity) in
            let identity = try station.lab.leaf(
                names: ["DNS:secure-receiver"], extendedKeyUsage: "serverAuth", validity: validity)
            let answers = Answers(identity: identity, pi: station.name)
            return try ScriptedReceiver(as: identity, in: station.lab) { try answers.serve($0) }
        }
        let ended = try listen(Validity(notBefore: now - 30 * day, notAfter: now - 2 * day))
        let refused = try await station.run(to: ended.port, clock: clock(now - day))
        #expect(refused.failure?.message == "Authentication failed")
        #expect(refused.failure?.hint?.hasPrefix("on the server: provision renew --server") == true)
        let future = try await station.run(to: ended.port, clock: clock(now + 3650 * day))
        #expect(future.failure?.hint?.contains("from .last-receipt in the folder of sent files") == true)
        let renewed = try listen(Validity(notBefore: now - 2 * day, notAfter: now + 30 * day))
        let outcome = try await station.run(to: renewed.port, clock: clock(now - 20 * day))
        #expect(outcome.sent == ["a"])
    }

    @Test("that the receiver refuses twice leaves the file for the next run")
    func refusedTwice() async throws {
        let station = try Station(files: ["a": "1"])
        let answers = station.answers
        let requests = Mutex(0)
        let receiver = try station.listen { connection in
            while true {
                _ = try connection.nextRequest()
                requests.withLock { $0 += 1 }
                try connection.send(answers.problem(.clockSkew, fields: [("Date", "Fri, 31 Jul 2026 10:15:00 GMT")]))
            }
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.failures.map(\.message) == ["a could not be sent"])
        #expect(requests.withLock { $0 } == 2)
    }

    @Test("answer without a time leaves the file for the next run", arguments: [[], [("Date", "yesterday")]])
    func withoutDate(fields: [(String, String)]) async throws {
        let station = try Station(files: ["a": "1"])
        let answers = station.answers
        let receiver = try station.listen { connection in
            while true {
                _ = try connection.nextRequest()
                try connection.send(answers.problem(.clockSkew, fields: fields))
            }
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.failures.first?.reason?.contains("does not say what time it is") == true)
    }
}

extension PeerRequest {
    /// What the signature says.
    fileprivate var created: Int64? {
        guard let input = fields["signature-input"], let range = input.range(of: ";created=") else { return nil }
        return Int64(input[range.upperBound...].prefix { $0 != ";" })
    }
}
