import CertificateAuthority
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
        "that never brings an answer is given up after three, and the files wait",
        arguments: ["", "HTTP/1.1 200 OK\r\n\r\n", "220 mail ready\r\n"])
    func barren(answer: String) async throws {
        let station = try Station(files: ["a": "1", "b": "2"])
        let receiver = try station.listen { connection in
            _ = try connection.nextRequest()
            if !answer.isEmpty { try connection.send(Array(answer.utf8)) }
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .temporaryFailure)
        #expect(Set(outcome.failures.map(\.message)) == ["a could not be sent", "b could not be sent"])
        #expect(receiver.connectionCount == 3)
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
        var settings = SenderSettings.quick
        settings.requestsInFlight = 2
        let outcome = try await station.run(to: receiver.port, settings: settings)
        listening.withLock { $0 = nil }
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.sent == [Self.names[0]])
        // One or two were under way.
        let rest = Self.names.count - 1 - outcome.failures.count
        #expect([1, 2].contains(outcome.failures.count))
        #expect(outcome.notices == ["\(rest) more files not tried, left for the next run"])
        #expect(station.waitingFiles == Array(Self.names.dropFirst()))
    }

    @Test("that stays silent is given up after the time limit")
    func silent() async throws {
        let station = try Station(files: ["a": "1", "b": "2"])
        let receiver = try station.listen { $0.waitForEnd() }
        var settings = SenderSettings.quick
        settings.inactivityTimeLimit = .milliseconds(200)
        let outcome = try await station.run(to: receiver.port, settings: settings)
        #expect(outcome.status == .temporaryFailure)
        #expect(Set(outcome.failures.map(\.message)) == ["a could not be sent", "b could not be sent"])
        #expect(outcome.failures.first?.reason?.contains("gave no sign") == true)
        #expect(receiver.connectionCount == 1)
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
        var settings = SenderSettings.quick
        settings.inactivityTimeLimit = .milliseconds(300)
        let outcome = try await station.run(to: receiver.port, settings: settings)
        #expect(outcome.failures.map(\.message) == ["a could not be sent"])
    }

    @Test("whose receiver writes without reading ends at the first byte that nobody asked for")
    func writesWithoutReading() async throws {
        let station = try Station(files: ["a": "1"])
        let answers = station.answers
        let receiver = try station.listen { connection in
            while true { try connection.send(answers.problem(.storageFailed)) }
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

    @Test("to something that does not speak TLS says so, and is no failed authentication")
    func notTLS() async throws {
        let station = try Station(files: ["a": "1"])
        let listener = try PlainListener(answer: "HTTP/1.0 400 Bad Request\r\n\r\n")
        let outcome = try await station.run(to: listener.port)
        #expect(outcome.failure?.exitCode == .unavailable)
        #expect(outcome.failure?.reason?.contains("does not speak TLS 1.3") == true)
        let mute = try PlainListener(answer: nil)
        var settings = SenderSettings.quick
        settings.handshakeTimeLimit = .milliseconds(100)
        let second = try await station.run(to: mute.port, settings: settings)
        #expect(second.failure?.exitCode == .unavailable)
    }
}

@Suite("A receiver that cannot take uploads now", .timeLimit(.minutes(1)))
struct PauseTests {
    private static let names = (0..<10).map { "file\($0 + 10)" }

    private func station() throws -> Station {
        try Station(files: Dictionary(uniqueKeysWithValues: Self.names.map { ($0, $0) }))
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
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.sent == [])
        #expect(outcome.failures.count == Self.names.count)
        #expect(station.waitingFiles == Self.names)
        // Once together, then one at a time.
        #expect(store.all.count <= Self.names.count + 3)
    }

    @Test(
        "is not believed a pause that is none",
        arguments: [
            ("0", 0), ("7", 7), ("-1", nil), ("+1", nil), ("1.5", nil), ("", nil),
            ("Sun, 06 Nov 1994 08:49:37 GMT", nil), ("99999999999", nil),
        ]
            as [(String, Int64?)])
    func retryAfter(value: String, seconds: Int64?) {
        var fields = Response.Fields()
        fields.append("retry-after", value)
        #expect(Response(status: 503, fields: fields, body: []).retryAfter == seconds)
    }
}

@Suite("A file that changes")
struct ChangingFileTests {
    @Test("while it is sent fails alone, and stays")
    func duringUpload() async throws {
        let station = try Station(files: ["a": "1", "c": "3"])
        try station.write(String(repeating: "x", count: 100_000), to: "b", age: 1)
        let answers = station.answers
        let path = station.folder("data/b")
        let receiver = try station.listen { connection in
            while true {
                let request = try connection.nextRequest()
                if request.target == "/v1/files/b" {
                    let handle = try #require(FileHandle(forWritingAtPath: path))
                    try handle.seekToEnd()
                    try handle.write(contentsOf: Data("more".utf8))
                }
                try connection.send(try answers.receipt(for: request))
            }
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.failures.map(\.message) == ["b could not be sent"])
        #expect(outcome.failures.first?.reason == "it changed while it was being sent")
        #expect(Set(outcome.sent) == ["a", "c"])
        #expect(station.waitingFiles == ["b"])
    }

    @Test("by becoming shorter ends only its own request, and the others go on over a new connection")
    func truncated() async throws {
        let station = try Station(files: ["c": "3"])
        try station.write(String(repeating: "x", count: 40 << 20), to: "b", age: 100)
        let answers = station.answers
        let path = station.folder("data/b")
        let receiver = try station.listen { connection in
            guard connection.number == 0 else { return try answers.serve(connection) }
            _ = try connection.nextHead()
            truncate(path, 10)
            _ = try connection.take(40 << 20)
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.failures.map(\.reason) == ["it changed while it was being sent"])
        #expect(outcome.sent == ["c"])
        #expect(station.waitingFiles == ["b"])
    }

    @Test("between two connections is not sent as the one that was hashed")
    func betweenConnections() async throws {
        let station = try Station(files: ["a": "old"])
        let store = Store()
        let answers = station.answers
        let receiver = try station.listen { connection in
            if connection.number > 0 { return try answers.serve(connection, into: store) }
            _ = try connection.nextRequest()
            try station.folder.write(Array("new".utf8), to: "data/a")
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.failures.map(\.reason) == ["it changed while it was being sent"])
        #expect(store.all.isEmpty)
        #expect(station.waitingFiles == ["a"])
    }
}

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
        let station = try Station(files: Dictionary(uniqueKeysWithValues: names.map { ($0, $0) }))
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
        #expect(outcome.notices.count == 1)
        #expect(outcome.notices.first?.contains("24 hours behind") == true)
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
        #expect(outcome.notices == [])
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
