import CommandSupport
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("A receiver that cannot take uploads now", .timeLimit(.minutes(1)))
struct PauseTests {
    private static let names = (0..<10).map { "file\($0 + 10)" }

    private func station() throws -> Station {
        try Station(names: Self.names)
    }

    @Test("because it stops is come back to after its pause, and takes every file")
    func draining() async throws {
        let station = try station()
        let answers = station.answers
        let receiver = try station.listen { connection in
            guard connection.number == 0 else { return try answers.serve(connection) }
            try connection.send(try answers.receipt(for: try connection.nextRequest()))
            _ = try connection.nextRequest()
            try connection.send(answers.problem(.draining, fields: [("Retry-After", "1"), ("Connection", "close")]))
            connection.linger()
        }
        let start = ContinuousClock.now
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .success)
        #expect(outcome.sent.sorted() == Self.names)
        #expect(receiver.connectionCount == 2)
        #expect(ContinuousClock.now - start >= .seconds(1))
    }

    @Test("because it could not write one gets that again after a pause")
    func storageFailed() async throws {
        let station = try station()
        let answers = station.answers
        let receiver = try station.listen { connection in
            _ = try connection.nextRequest()
            try connection.send(answers.problem(.storageFailed))
            try answers.serve(connection)
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .success)
        #expect(outcome.failures == [])
        #expect(outcome.sent.sorted() == Self.names)
    }

    @Test("because it has too much to do gets each file again over the same connection, one at first")
    func tooManyRequests() async throws {
        let station = try station()
        let answers = station.answers
        let receiver = try station.listen { connection in
            let requests = try Self.names.map { _ in try connection.nextRequest() }
            for _ in requests { try connection.send(answers.problem(.tooManyRequests)) }
            try answers.serve(connection)
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .success)
        #expect(outcome.sent.sorted() == Self.names)
        #expect(outcome.failures == [])
        #expect(receiver.connectionCount == 1)
    }

    @Test("and never can is given up after some pauses, and the files wait", arguments: [false, true])
    func givesUp(closes: Bool) async throws {
        let station = try station()
        let answers = station.answers
        let store = Store()
        let receiver = try station.listen { connection in
            while true {
                store.keep(try connection.nextRequest())
                guard closes else {
                    try connection.send(answers.problem(.tooManyRequests))
                    continue
                }
                try connection.send(answers.problem(.draining, fields: [("Connection", "close")]))
                return connection.linger()
            }
        }
        let outcome = try await station.run(to: receiver.port, settings: .impatient)
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.sent == [])
        #expect(outcome.failures == [])
        #expect(outcome.gaveUp?.files == Self.names.count)
        #expect(outcome.gaveUp?.reason.contains("as the test wants it") == true)
        #expect(station.waitingFiles == Self.names)
        // More than once, and one at a time after the first.
        #expect(store.all.count > 1)
    }

    @Test("before tomorrow is not waited for: the files are left for the next run")
    func tomorrow() async throws {
        let station = try station()
        let answers = station.answers
        let receiver = try station.listen { connection in
            _ = try connection.nextRequest()
            try connection.send(answers.problem(.tooManyRequests, fields: [("Retry-After", "3600")]))
            connection.linger()
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.gaveUp?.reason.hasPrefix("the receiver takes no more at the moment (429") == true)
        #expect(outcome.gaveUp?.files == Self.names.count)
        #expect(
            outcome.events.contains { event in
                if case .gaveUp(_, _, let pause) = event { pause >= .seconds(3590) } else { false }
            })
        #expect(station.waitingFiles == Self.names)
        #expect(receiver.connectionCount == 1)
    }

    @Test(
        "is not believed a pause that is none, nor one of more than an hour",
        arguments: [
            ("0", 0), ("7", 7), ("-1", nil), ("+1", nil), ("1.5", nil), ("", nil),
            ("Sun, 06 Nov 1994 08:49:37 GMT", nil), ("3600", 3600), ("3601", 3600),
            ("999999999", 3600), ("99999999999999999999", 3600),
        ]
            as [(String, Int64?)])
    func retryAfter(value: String, seconds: Int64?) {
        var fields = Response.Fields()
        fields.append("retry-after", value)
        #expect(Response(status: 503, fields: fields, body: []).retryAfter == seconds)
    }
}
