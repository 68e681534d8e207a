import CommandSupport
import Foundation
import OpenSSL
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

// The time limit is shorter than a connection's own for inactivity: a stall that heals itself fails too.
@Suite("Files in parts", .timeLimit(.minutes(1)))
struct PartsTests {
    /// Parts of 1 KiB for files above 4 KiB.
    private static var settings: SenderSettings {
        var settings = SenderSettings.quick
        settings.inPartsAbove = 4 << 10
        settings.partSizes = 1 << 10...1 << 10
        return settings
    }

    private static let content = String(
        decoding: (0..<10_000).map { UInt8(ascii: "a") + UInt8($0 % 26) }, as: UTF8.self)

    /// A file of 10,000 bytes, and small ones.
    private func station(small: Int = 0) throws -> Station {
        let names = (0..<small).map { "small\($0 + 10)" }
        return try Station(
            files: Dictionary(uniqueKeysWithValues: names.map { ($0, $0) }).merging(["large": Self.content]) { $1 })
    }

    private func parts(_ store: Store) -> [PeerRequest] { store.all.filter { $0.method == "PATCH" } }

    @Test("are announced, sent one behind the other and moved with the last one's receipt")
    func sends() async throws {
        let station = try station()
        let store = Store()
        let receiver = try station.listenHonestly(into: store)
        let outcome = try await station.run(to: receiver.port, settings: Self.settings)
        #expect(outcome.status == .success)
        #expect(outcome.sent == ["large"])
        #expect(store.all.map(\.method) == ["POST"] + Array(repeating: "PATCH", count: 10))
        #expect(parts(store).map { $0.fields["upload-offset"] } == (0..<10).map { "\($0 * 1024)" })
        #expect(parts(store).map { $0.fields["upload-complete"] } == Array(repeating: "?0", count: 9) + ["?1"])
        #expect(parts(store).flatMap(\.body) == Array(Self.content.utf8))
        #expect(store.all[0].fields["upload-length"] == "10000")
        #expect(station.sentFiles == ["large", "large.sha256"])
        let reached = outcome.events.compactMap { if case .reached(_, let bytes, _) = $0 { bytes } else { nil } }
        #expect(reached == (1...9).map { Int64($0) * 1024 })
    }

    @Test("sign every field that the receiver wants signed")
    func signed() async throws {
        let station = try station()
        let store = Store()
        let receiver = try station.listenHonestly(into: store)
        _ = try await station.run(to: receiver.port, settings: Self.settings)
        for request in store.all {
            let input = try #require(request.fields["signature-input"])
            for field in request.fields.keys where UploadSignature.mustCover(field) {
                #expect(input.contains("\"\(field)\""), "\(request.method) \(field)")
            }
        }
    }

    @Test("let small files go between their parts, and get their turn themselves")
    func interleaved() async throws {
        let station = try station(small: 60)
        let store = Store()
        let receiver = try station.listenHonestly(into: store)
        var settings = Self.settings
        settings.requestsInFlight = 4
        let outcome = try await station.run(to: receiver.port, settings: settings)
        #expect(outcome.status == .success)
        #expect(outcome.sent.count == 61)
        #expect(receiver.connectionCount == 1)
        let methods = store.all.map(\.method)
        let puts = methods.indices.filter { methods[$0] == "PUT" }
        let parts = methods.indices.filter { methods[$0] == "PATCH" }
        #expect(try #require(parts.first) < puts[40])
        #expect(try #require(puts.first) < parts[0])
    }

    @Test("go on after a broken connection where the receiver says, whatever it got", arguments: [false, true])
    func resumes(isReset: Bool) async throws {
        let station = try station()
        let answers = station.answers
        let store = Store()
        let receiver = try station.listen { connection in
            guard connection.number < 3 else { return try answers.serve(connection, into: store) }
            // The announcement and two parts, and of the third an answer that never comes.
            for _ in 0..<3 { try connection.send(try answers.answer(to: try connection.nextRequest())) }
            _ = try answers.answer(to: try connection.nextRequest())
            if isReset { connection.reset() }
        }
        let outcome = try await station.run(to: receiver.port, settings: Self.settings)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(outcome.sent == ["large"])
        #expect(store.all.map(\.method) == ["POST", "PATCH"])
        #expect(parts(store).first?.fields["upload-offset"] == "9216")
    }

    @Test("that are stored already are told so by the receipt that answers the announcement")
    func storedAlready() async throws {
        let station = try station()
        let answers = station.answers
        let receiver = try station.listen { connection in
            guard connection.number == 0 else { return try answers.serve(connection) }
            // The last answer is lost.
            for _ in 0..<10 { try connection.send(try answers.answer(to: try connection.nextRequest())) }
            _ = try answers.answer(to: try connection.nextRequest())
        }
        let outcome = try await station.run(to: receiver.port, settings: Self.settings)
        #expect(outcome.status == .success)
        #expect(
            outcome.events.contains {
                if case .sent(_, let receipt, _) = $0 {
                    receipt.size == 10_000 && receipt.result == .unchanged
                } else {
                    false
                }
            })
    }

    @Test("are announced again where the receiver has forgotten them")
    func expired() async throws {
        let station = try station()
        let answers = station.answers
        let store = Store()
        let receiver = try station.listen { connection in
            for number in 0... {
                let request = try connection.nextRequest()
                store.keep(request)
                if number == 4 { answers.parts.forget() }
                try connection.send(try answers.answer(to: request))
            }
        }
        let outcome = try await station.run(to: receiver.port, settings: Self.settings)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(store.all.filter { $0.method == "POST" }.count == 2)
        #expect(receiver.connectionCount == 1)
    }

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
        let outcome = try await station.run(to: receiver.port, settings: Self.settings)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(outcome.sent == ["large"])
    }

    @Test("that are wrong as a whole are hashed again and begun anew, once")
    func damaged() async throws {
        let station = try station()
        let answers = station.answers
        let announcements = Mutex(0)
        let receiver = try station.listen { connection in
            while true {
                let request = try connection.nextRequest()
                if request.method == "POST" { announcements.withLock { $0 += 1 } }
                guard request.fields["upload-complete"] == "?1" else {
                    try connection.send(try answers.answer(to: request))
                    continue
                }
                answers.parts.forget()
                try connection.send(answers.problem(.digestMismatch, fields: [("Upload-Complete", "?1")]))
            }
        }
        let outcome = try await station.run(to: receiver.port, settings: Self.settings)
        #expect(outcome.failures.map(\.message) == ["large could not be sent"])
        #expect(outcome.failures.first?.reason?.hasPrefix("what arrived is not what was announced") == true)
        #expect(announcements.withLock { $0 } == 2)
        #expect(station.waitingFiles == ["large"])
    }

    @Test(
        "that the receiver cannot take fail for this run, and the others arrive",
        arguments: [Problem.tooLarge, .insufficientStorage, .storageFailed, .pathConflict], ["POST", "PATCH"])
    func refused(problem: Problem, method: String) async throws {
        let station = try station(small: 3)
        let answers = station.answers
        let receiver = try station.listen { connection in
            while true {
                let request = try connection.nextRequest()
                try connection.send(
                    request.method == method ? answers.problem(problem) : try answers.answer(to: request))
            }
        }
        let outcome = try await station.run(to: receiver.port, settings: Self.settings)
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
        let outcome = try await station.run(to: receiver.port, settings: Self.settings)
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
        let outcome = try await station.run(to: receiver.port, settings: Self.settings)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(outcome.sent.count == 3)
    }

    @Test("take the receiver's time", arguments: ["POST", "PATCH"])
    func clockSkew(method: String) async throws {
        let station = try station()
        let answers = station.answers
        let now = Int64(Date().timeIntervalSince1970)
        let isRefused = Mutex(false)
        let receiver = try station.listen { connection in
            while true {
                let request = try connection.nextRequest()
                let refuses = isRefused.withLock { isRefused in
                    defer { isRefused = isRefused || request.method == method }
                    return !isRefused && request.method == method
                }
                try connection.send(
                    refuses
                        ? answers.problem(.clockSkew, fields: [("Date", HTTPDate.format(now + 5000))])
                        : try answers.answer(to: request))
            }
        }
        let outcome = try await station.run(to: receiver.port, settings: Self.settings)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(outcome.events.contains { if case .clockIsWrong = $0 { true } else { false } })
    }

    @Test("are left where they are if they change between two parts")
    func changes() async throws {
        let station = try station()
        let answers = station.answers
        let path = station.folder("data/large")
        let receiver = try station.listen { connection in
            for number in 0... {
                let request = try connection.nextRequest()
                if number == 3 {
                    let handle = try #require(FileHandle(forWritingAtPath: path))
                    try handle.write(contentsOf: Data("changed".utf8))
                }
                try connection.send(try answers.answer(to: request))
            }
        }
        let outcome = try await station.run(to: receiver.port, settings: Self.settings)
        #expect(outcome.failures.map(\.reason) == ["it changed while it was being sent"])
        #expect(station.waitingFiles == ["large"])
    }
}

@Suite("An untrustworthy answer about a file in parts", .timeLimit(.minutes(1)))
struct HostilePartsTests {
    private static var settings: SenderSettings {
        var settings = SenderSettings.impatient
        settings.inPartsAbove = 10
        return settings
    }

    private func run(
        _ answer: @escaping @Sendable (Answers, PeerRequest) throws -> [UInt8]
    ) async throws -> (Station, RunOutcome) {
        let station = try Station(files: ["large": String(repeating: "x", count: 5000)])
        let answers = station.answers
        let receiver = try station.listen { connection in
            while true { try connection.send(try answer(answers, try connection.nextRequest())) }
        }
        return (station, try await station.run(to: receiver.port, settings: Self.settings))
    }

    @Test(
        "with an offset outside of the file, or none, moves nothing",
        arguments: ["5001", "-1", "+1", "", "1.5", "99999999999999999999", "0x10"])
    func offsets(offset: String) async throws {
        let (station, outcome) = try await run { answers, request in
            answers.message(
                status: 201, body: "", fields: [("Location", request.target), ("Upload-Offset", offset)])
        }
        #expect(outcome.failures.map(\.message) == ["large could not be sent"])
        #expect(station.waitingFiles == ["large"])
    }

    @Test("with another upload's location moves nothing")
    func location() async throws {
        let (station, outcome) = try await run { answers, _ in
            answers.message(
                status: 201, body: "",
                fields: [("Location", "/v1/uploads/\(String(repeating: "0", count: 64))"), ("Upload-Offset", "0")])
        }
        #expect(outcome.failures.first?.reason?.contains("does not say how far") == true)
        #expect(station.waitingFiles == ["large"])
    }

    @Test("that says all of it is there is no receipt")
    func noReceipt() async throws {
        let (station, outcome) = try await run { answers, request in
            request.method == "POST"
                ? try answers.answer(to: request)
                : Array("HTTP/1.1 204 Words\r\nUpload-Offset: 5000\r\nUpload-Complete: ?1\r\n\r\n".utf8)
        }
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.sent == [])
        #expect(station.waitingFiles == ["large"])
    }

    @Test("that goes back and forth is left for the next run")
    func backAndForth() async throws {
        let (station, outcome) = try await run { answers, request in
            request.method == "POST"
                ? try answers.answer(to: request)
                : answers.problem(.uploadOffsetMismatch, fields: [("Upload-Offset", "0")])
        }
        #expect(outcome.failures.first?.reason?.contains("again and again") == true)
        #expect(station.waitingFiles == ["large"])
    }

    @Test("with the receipt of another request of the same file is refused")
    func receiptOfAnotherRequest() async throws {
        let (station, outcome) = try await run { answers, request in
            guard request.method == "PATCH" else { return try answers.answer(to: request) }
            return try answers.receipt(for: request) { $0.context.path = "/v1/files/large" }
        }
        #expect(outcome.failure?.message == "Authentication failed")
        #expect(station.waitingFiles == ["large"])
    }

    @Test("with a receipt for the part instead of the file moves nothing")
    func receiptOfPart() async throws {
        let (station, outcome) = try await run { answers, request in
            request.method == "PATCH" ? try answers.receipt(for: request) : try answers.answer(to: request)
        }
        #expect(outcome.failures.first?.reason == "the receipt is for another Pi, path, size or content")
        #expect(station.waitingFiles == ["large"])
    }
}
