import CommandSupport
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

extension PartsTests {
    @Test(
        "go on where a refusal says, or are announced again",
        arguments: [Problem.uploadOffsetMismatch, .uploadCompleted, .notFound, .digestMismatch])
    func refusedPart(problem: Problem) async throws {
        let station = try station()
        let answers = station.answers
        let receiver = try station.listen { connection in
            for number in 0... {
                let request = try connection.nextRequest()
                guard number == 3 else {
                    try connection.send(try answers.answer(to: request))
                    continue
                }
                let offset = try #require(request.fields["upload-offset"])
                try connection.send(
                    answers.problem(problem, fields: [("Upload-Offset", offset), ("Upload-Complete", "?0")]))
            }
        }
        let outcome = try await station.run(to: receiver.port, settings: .inSmallParts)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(outcome.sent == ["large"])
    }

    @Test("that the receiver could not write twice are sent again, behind all others", arguments: ["POST", "PATCH"])
    func unwritten(method: String) async throws {
        let station = try station(small: 20)
        let store = Store()
        let receiver = try station.listen(into: store) { answers, request in
            let tries = store.all.count { $0.method == method }
            return request.method == method && tries <= 2
                ? answers.problem(.storageFailed) : try answers.answer(to: request)
        }
        var settings = SenderSettings.inSmallParts
        settings.partsInFlight = 1
        let outcome = try await station.run(to: receiver.port, settings: settings)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(outcome.sent.count == 21)
        #expect(outcome.sent.last == "large")
        #expect(store.all.count { $0.method == "POST" } == 3)
    }

    @Test("of which several are under way when the receiver cannot write them count as one try")
    func unwrittenTogether() async throws {
        let station = try station()
        let answers = station.answers
        let receiver = try station.listen { connection in
            for _ in 0..<2 {
                try connection.send(try answers.answer(to: try connection.nextRequest()))
                let parts = [try connection.nextRequest(), try connection.nextRequest()]
                for part in parts {
                    #expect(part.method == "PATCH")
                    try connection.send(answers.problem(.storageFailed))
                }
            }
            try answers.serve(connection)
        }
        let outcome = try await station.run(to: receiver.port, settings: .inSmallParts)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(outcome.sent == ["large"])
        #expect(receiver.connectionCount == 1)
    }

    @Test("that are wrong as a whole are hashed again and begun anew, once")
    func damaged() async throws {
        let station = try station()
        let store = Store()
        let receiver = try station.listen(into: store) { answers, request in
            guard request.fields["upload-complete"] == "?1" else { return try answers.answer(to: request) }
            answers.parts.forget()
            return answers.problem(.digestMismatch, fields: [("Upload-Complete", "?1")])
        }
        let outcome = try await station.run(to: receiver.port, settings: .inSmallParts)
        #expect(outcome.failures.map(\.message) == ["large could not be sent"])
        #expect(outcome.failures.first?.reason?.hasPrefix("what arrived is not what was announced") == true)
        #expect(store.all.count { $0.method == "POST" } == 2)
        #expect(station.waitingFiles == ["large"])
    }

    @Test(
        "that the receiver cannot take fail for this run, and the others arrive",
        arguments: [Problem.tooLarge, .insufficientStorage, .storageFailed, .pathConflict], ["POST", "PATCH"])
    func refused(problem: Problem, method: String) async throws {
        let station = try station(small: 3)
        let receiver = try station.listen(answering: { answers, request in
            request.method == method ? answers.problem(problem) : try answers.answer(to: request)
        })
        let outcome = try await station.run(to: receiver.port, settings: .inSmallParts)
        #expect(outcome.failures.map(\.message) == ["large could not be sent"])
        #expect(outcome.sent.sorted() == ["small10", "small11", "small12"])
        #expect(station.waitingFiles == ["large"])
    }

    @Test(
        "wait while the receiver can take nothing, and go on over the same connection",
        arguments: [Problem.tooManyRequests, .draining])
    func later(problem: Problem) async throws {
        let station = try station()
        let answers = station.answers
        let receiver = try station.listen { connection in
            for number in 0... {
                let request = try connection.nextRequest()
                try connection.send(
                    [0, 3, 4].contains(number)
                        ? answers.problem(problem, fields: [("Retry-After", "0")]) : try answers.answer(to: request))
            }
        }
        let outcome = try await station.run(to: receiver.port, settings: .inSmallParts)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(receiver.connectionCount == 1)
    }

    @Test("are sent again where the receiver found them too slow")
    func timeout() async throws {
        let station = try station(small: 2)
        let answers = station.answers
        let receiver = try station.listen { connection in
            guard connection.number < 2 else { return try answers.serve(connection) }
            try connection.send(try answers.answer(to: try connection.nextRequest()))
            _ = try connection.nextRequest()
            try connection.send(answers.problem(.timeout, fields: [("Connection", "close")]))
            connection.linger()
        }
        let outcome = try await station.run(to: receiver.port, settings: .inSmallParts)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(outcome.sent.count == 3)
    }

    @Test("take the receiver's time", arguments: ["POST", "PATCH"])
    func clockSkew(method: String) async throws {
        let station = try station()
        let now = Int64(Date().timeIntervalSince1970)
        let store = Store()
        let receiver = try station.listen(into: store) { answers, request in
            let isFirst = store.all.count { $0.method == method } == 1
            return request.method == method && isFirst
                ? answers.problem(.clockSkew, fields: [("Date", HTTPDate.format(now + 5000))])
                : try answers.answer(to: request)
        }
        let outcome = try await station.run(to: receiver.port, settings: .inSmallParts)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(outcome.events.contains { if case .clockIsWrong = $0 { true } else { false } })
    }
}
