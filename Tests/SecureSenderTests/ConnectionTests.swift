import CommandSupport
import Foundation
import OpenSSL
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

// The time limit is shorter than a connection's own for inactivity: a stall that heals itself fails too.
@Suite("A connection", .timeLimit(.minutes(1)))
struct ConnectionTests {
    private static let names = (0..<40).map { "file\($0 + 10)" }

    private func manyFiles() throws -> Station {
        try Station(files: Dictionary(uniqueKeysWithValues: Self.names.map { ($0, "content of \($0)") }))
    }

    @Test("carries requests before their answers come, and takes answers byte by byte")
    func pipelining() async throws {
        let station = try manyFiles()
        let answers = station.answers
        let receiver = try station.listen { connection in
            // Nothing is answered before all have come.
            let requests = try Self.names.map { _ in try connection.nextRequest() }
            for request in requests { try connection.sendByteByByte(try answers.receipt(for: request)) }
            _ = try connection.nextRequest()
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .success)
        #expect(outcome.sent == Self.names)
        #expect(receiver.connectionCount == 1)
    }

    @Test("that is refused one file goes on with the others, in order")
    func refusalInTheMiddle() async throws {
        let station = try manyFiles()
        let answers = station.answers
        let receiver = try station.listen { connection in
            let requests = try Self.names.map { _ in try connection.nextRequest() }
            for (index, request) in requests.enumerated() {
                try connection.send(index == 20 ? answers.problem(.pathConflict) : try answers.receipt(for: request))
            }
            _ = try connection.nextRequest()
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.failures.map(\.message) == ["\(Self.names[20]) could not be sent"])
        #expect(outcome.sent == Self.names.filter { $0 != Self.names[20] })
        #expect(station.waitingFiles == [Self.names[20]])
    }

    @Test("that is cut loses nothing: what was not answered is sent again on the next", arguments: [false, true])
    func cut(isReset: Bool) async throws {
        let station = try manyFiles()
        let answers = station.answers
        let receiver = try station.listen { connection in
            guard connection.number < 3 else { return try answers.serve(connection) }
            for _ in 0..<5 {
                try connection.send(try answers.receipt(for: try connection.nextRequest()))
            }
            // A part of an answer.
            try connection.send(Array("HTTP/1.1 201 Cre".utf8))
            if isReset { connection.reset() }
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .success, "\(outcome.failures)")
        #expect(outcome.sent.sorted() == Self.names)
        #expect(station.waitingFiles == [])
    }

    @Test("that ends after a refused long body costs only that file")
    func closeAfterRefusal() async throws {
        let station = try manyFiles()
        let large = [UInt8](repeating: 1, count: 4 << 20)
        try station.folder.write(large, to: "data/large")
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -1000)], ofItemAtPath: station.folder("data/large"))
        let answers = station.answers
        let receiver = try station.listen { connection in
            guard connection.number == 0 else { return try answers.serve(connection) }
            _ = try connection.nextHead()
            try connection.send(answers.problem(.tooLarge, fields: [("Connection", "close")]))
            connection.linger()
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.failures.map(\.message) == ["large could not be sent"])
        #expect(outcome.failures.first?.reason?.hasPrefix("it is larger than the receiver takes (413 ") == true)
        #expect(outcome.sent == Self.names)
        #expect(receiver.connectionCount == 2)
    }

    @Test("takes an answer that comes before the body was sent, and sends the rest of the body")
    func earlyRefusal() async throws {
        let station = try Station(files: ["b": "small"])
        try station.folder.write([UInt8](repeating: 1, count: 2 << 20), to: "data/a")
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -1000)], ofItemAtPath: station.folder("data/a"))
        let answers = station.answers
        let receiver = try station.listen { connection in
            let head = try connection.nextHead()
            try connection.send(answers.problem(.pathConflict))
            _ = try connection.take(head.contentLength)
            try answers.serve(connection)
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.failures.map(\.message) == ["a could not be sent"])
        #expect(outcome.sent == ["b"])
        #expect(receiver.connectionCount == 1)
    }

    @Test(
        "that never brings an answer is left after some, and the files wait",
        arguments: ["", "HTTP/1.1 200 OK\r\n\r\n", "220 mail ready\r\n"])
    func barren(answer: String) async throws {
        let station = try Station(files: ["a": "1", "b": "2"])
        let receiver = try station.listen { connection in
            _ = try connection.nextRequest()
            if !answer.isEmpty { try connection.send(Array(answer.utf8)) }
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .temporaryFailure)
        // Each of them breaks a connection until it is taken for the one that does.
        #expect(Set(outcome.failures.map(\.message)) == ["a could not be sent", "b could not be sent"])
        #expect(receiver.connectionCount <= 2 * SenderSettings.quick.breaksOfOneFile)
        #expect(station.waitingFiles == ["a", "b"])
    }

    @Test("whose receiver goes away leaves the rest for the next run, exit 75")
    func receiverGone() async throws {
        let station = try manyFiles()
        let answers = station.answers
        let listening = Mutex<ScriptedReceiver?>(nil)
        let receiver = try station.listen { connection in
            try connection.send(try answers.receipt(for: try connection.nextRequest()))
            listening.withLock { $0?.stop() }
        }
        listening.withLock { $0 = receiver }
        var settings = SenderSettings.impatient
        settings.requestsInFlight = 2
        // What counts is that it is refused, which on a busy machine takes a while.
        settings.giveUpAfter = .seconds(2)
        let outcome = try await station.run(to: receiver.port, settings: settings)
        listening.withLock { $0 = nil }
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.sent == [Self.names[0]])
        #expect(outcome.failures == [])
        #expect(outcome.gaveUp?.files == Self.names.count - 1)
        #expect(outcome.gaveUp?.reason.contains("Connection refused") == true)
        #expect(station.waitingFiles == Array(Self.names.dropFirst()))
    }

    @Test("that stays silent is given up after the time limit")
    func silent() async throws {
        let station = try Station(files: ["a": "1", "b": "2"])
        let receiver = try station.listen { $0.waitForEnd() }
        var settings = SenderSettings.impatient
        settings.inactivityTimeLimit = .milliseconds(200)
        let outcome = try await station.run(to: receiver.port, settings: settings)
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.gaveUp?.files == 2)
        #expect(outcome.gaveUp?.reason.contains("gave no sign") == true)
    }

    @Test("leaves the receiver more time for a large file than for a small one")
    func largeFile() async throws {
        let station = try Station(files: ["a": String(repeating: "x", count: 1000)])
        let answers = station.answers
        let receiver = try station.listen { connection in
            let request = try connection.nextRequest()
            // Three times the limit without the size.
            Thread.sleep(forTimeInterval: 0.6)
            try connection.send(try answers.receipt(for: request))
            _ = try connection.nextRequest()
        }
        var settings = SenderSettings.quick
        settings.inactivityTimeLimit = .milliseconds(200)
        settings.durableBytesASecond = 50
        let outcome = try await station.run(to: receiver.port, settings: settings)
        #expect(outcome.sent == ["a"])
    }

    @Test("whose receiver reads nothing is given up after the time limit, however much there is to send")
    func readsNothing() async throws {
        let station = try Station()
        try station.folder.write([UInt8](repeating: 1, count: 32 << 20), to: "data/a")
        let receiver = try station.listen { $0.waitForEnd() }
        var settings = SenderSettings.impatient
        settings.inPartsAbove = .max
        settings.inactivityTimeLimit = .milliseconds(300)
        let outcome = try await station.run(to: receiver.port, settings: settings)
        #expect(outcome.gaveUp?.files == 1)
    }

    @Test("whose receiver writes without reading ends at the first byte that nobody asked for")
    func writesWithoutReading() async throws {
        let station = try Station(files: ["a": "1"])
        let answers = station.answers
        let receiver = try station.listen { connection in
            while true { try connection.send(answers.problem(.pathConflict)) }
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .temporaryFailure)
        #expect(station.waitingFiles == ["a"])
        let endless = try station.listen { connection in
            try connection.send(Array("HTTP/1.1 200 OK\r\n".utf8))
            while true { try connection.send(Array("X: \(String(repeating: "y", count: 1000))\r\n".utf8)) }
        }
        let second = try await station.run(to: endless.port)
        #expect(second.failures.map(\.message) == ["a could not be sent"])
        #expect(second.failures.first?.reason?.contains("header is longer") == true)
    }

    @Test("that is taken and not answered is waited for no longer than a run goes on, and told as what it is")
    func notAnswered() async throws {
        let station = try Station(files: ["a": "content"])
        let listener = try PlainListener(answer: nil)
        let outcome = try await station.send(to: listener.port, ["--give-up-after", "1s"])
        #expect(outcome.exitCode == 69)
        let line = "could not be reached: the connection was taken, and nothing was said for 1 s\n  hint: the receiver "
        #expect(outcome.errors.contains(line), "\(outcome.errors)")
    }

    @Test("to something that does not speak TLS says so, and is no failed authentication")
    func notTLS() async throws {
        let station = try Station(files: ["a": "1"])
        let listener = try PlainListener(answer: "HTTP/1.0 400 Bad Request\r\n\r\n")
        let outcome = try await station.run(to: listener.port)
        #expect(outcome.failure?.exitCode == .unavailable)
        #expect(outcome.failure?.reason == "what listens there is a web server without TLS")
        let mute = try PlainListener(answer: nil)
        var settings = SenderSettings.impatient
        settings.handshakeTimeLimit = .milliseconds(100)
        let second = try await station.run(to: mute.port, settings: settings)
        #expect(second.failure?.exitCode == .unavailable)
    }
}
