import CommandSupport
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

// The time limit is shorter than a connection's own for inactivity: a stall that heals itself fails too.
@Suite("Files in parts", .timeLimit(.minutes(1)))
struct PartsTests {
    private static let content = String(
        decoding: (0..<10_000).map { UInt8(ascii: "a") + UInt8($0 % 26) }, as: UTF8.self)

    /// A file of 10,000 bytes, and small ones.
    func station(small: Int = 0) throws -> Station {
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
        let outcome = try await station.run(to: receiver.port, settings: .inSmallParts)
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
        _ = try await station.run(to: receiver.port, settings: .inSmallParts)
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
        var settings = SenderSettings.inSmallParts
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
        let outcome = try await station.run(to: receiver.port, settings: .inSmallParts)
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
        let outcome = try await station.run(to: receiver.port, settings: .inSmallParts)
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

    @Test("are what becomes of a whole file that was cut off and of which something may have been kept")
    func wholeWasCut() async throws {
        let station = try Station(files: [
            "a": String(repeating: "a", count: 100_000), "b": String(repeating: "b", count: 5000), "c": "c",
        ])
        let answers = station.answers
        let store = Store()
        let receiver = try station.listen { connection in
            guard connection.number == 0 else { return try answers.serve(connection, into: store) }
            // So much that files of 5,000 bytes are worth no announcement otherwise.
            try connection.send(try answers.answer(to: try connection.nextRequest()))
            for _ in 0..<2 { _ = try connection.nextRequest() }
        }
        var settings = SenderSettings.quick
        settings.keptAbove = 4 << 10
        let outcome = try await station.run(to: receiver.port, settings: settings)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(outcome.sent == ["a", "c", "b"])
        #expect(store.all.map(\.method) == ["PUT", "POST", "PATCH"])
    }

    @Test("are as large as what the connection carries, of a file that is small enough to go whole")
    func restOfSmall() async throws {
        let station = try Station(files: [
            "a": String(repeating: "a", count: 100_000), "b": String(repeating: "b", count: 150_000),
        ])
        let answers = station.answers
        let store = Store()
        let receiver = try station.listen { connection in
            guard connection.number == 0 else { return try answers.serve(connection, into: store) }
            try connection.send(try answers.answer(to: try connection.nextRequest()))
            _ = try connection.nextRequest()
        }
        let outcome = try await station.run(to: receiver.port, settings: .quick)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(store.all.map(\.method) == ["POST", "PATCH", "PATCH"])
        #expect(parts(store).map(\.body.count) == [100_000, 50_000])
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
        let outcome = try await station.run(to: receiver.port, settings: .inSmallParts)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(store.all.filter { $0.method == "POST" }.count == 2)
        #expect(receiver.connectionCount == 1)
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
        let outcome = try await station.run(to: receiver.port, settings: .inSmallParts)
        #expect(outcome.failures.map(\.reason) == ["it changed while it was being sent"])
        #expect(station.waitingFiles == ["large"])
    }
}
