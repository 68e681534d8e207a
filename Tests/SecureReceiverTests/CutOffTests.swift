import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("A large upload that is cut off")
struct CutOffTests {
    static let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 13 ^ $0 >> 7) }

    @Test("goes on where it was, part by part", arguments: [false, true])
    func part(ordinarily: Bool) async throws {
        try await RunningReceiver.run { receiver in
            let location = try #require(try await receiver.announce(Self.body, "a").fields["location"])
            let whole = receiver.part(Self.body[...], of: location, isLast: true)
            try await receiver.connected { client in
                try client.send(whole.bytes.dropLast(100_000))
                guard ordinarily else { return }
                try client.closeOutput()
                #expect(try client.isClosedByServer())
            }
            // The question waits for the end of the part that was cut off, and that for all that came of it.
            let offset = try #require(Int(try await receiver.status(of: location).fields["upload-offset"] ?? ""))
            #expect(ordinarily ? offset == 200_000 : (0...200_000).contains(offset))
            let rest = try await receiver.answer(to: receiver.part(Self.body[offset...], of: location, isLast: true))
            #expect(rest.status == 201)
            #expect(try receiver.folder.read("received_files/pi-01/a") == Self.body)
        }
    }

    @Test(
        "while its connection seems alive: a newer request ends it, and loses nothing of it",
        arguments: ["HEAD", "POST"])
    func takeOver(method: String) async throws {
        try await RunningReceiver.run { receiver in
            let location = try #require(try await receiver.announce(Self.body, "a").fields["location"])
            let whole = receiver.part(Self.body[...], of: location, isLast: true)
            let context = try receiver.context(receiver.lab.pi("pi-01"))
            let (older, _) = try await blocking {
                let older = try RawClient(port: receiver.port, context: context)
                var request = whole
                request.fields.append(("Expect", "100-continue"))
                try older.send(request.head.utf8)
                let interim = try older.response()
                try older.send(request.body.dropLast())
                return (Connection(older), interim)
            }
            let status =
                method == "HEAD"
                ? try await receiver.status(of: location) : try await receiver.announce(Self.body, "a")
            let offset = try #require(Int(status.fields["upload-offset"] ?? ""))
            #expect((0..<300_000).contains(offset))
            try await older.expectNoAnswer()
            let rest = try await receiver.answer(to: receiver.part(Self.body[offset...], of: location, isLast: true))
            #expect(rest.status == 201)
            #expect(receiver.log.lines.contains { $0.hasPrefix("notice upload ended by a newer request") })
        }
    }

    @Test("and whose next part is sent twice, on two connections: the newer one is stored")
    func newerPart() async throws {
        try await RunningReceiver.run { receiver in
            let location = try #require(try await receiver.announce(Self.body, "a").fields["location"])
            var request = receiver.part(Self.body[...], of: location, isLast: true)
            request.fields.append(("Expect", "100-continue"))
            let waiting = request
            let context = try receiver.context(receiver.lab.pi("pi-01"))
            let older = try await blocking {
                let older = try RawClient(port: receiver.port, context: context)
                try older.send(waiting.head.utf8)
                #expect(try older.response().status == 100)
                return Connection(older)
            }
            let status = try await receiver.answer(to: receiver.part(Self.body[...], of: location, isLast: true)).status
            #expect(status == 201)
            try await older.expectNoAnswer()
            #expect(try receiver.folder.read("received_files/pi-01/a") == Self.body)
        }
    }

    @Test("is kept of a PUT too, and goes on in parts; of a small one nothing is kept")
    func put() async throws {
        try await RunningReceiver.run(resumableAbove: 100_000) { receiver in
            for body in [Self.body, Array(Self.body[..<100_000])] {
                let request = receiver.request(path: "a", body: body)
                try await receiver.connected { client in
                    try client.send(request.bytes.dropLast(1000))
                    try client.closeOutput()
                    #expect(try client.isClosedByServer())
                }
                let announced = try await receiver.announce(body, "a")
                #expect(announced.status == 201)
                #expect(announced.fields["upload-offset"] == (body.count > 100_000 ? "299000" : "0"))
            }
            let location = try #require(try await receiver.announce(Self.body, "b").fields["location"])
            #expect(receiver.partials.count == 4)
            _ = location
            // Sent whole after all: what was kept is in nobody's way.
            #expect(try await receiver.answer(to: receiver.request(path: "b", body: Self.body)).status == 201)
            #expect(receiver.partials.count == 2)
        }
    }

    @Test("in parts leaves nothing behind when it comes whole, be it small; and a part that still waits is ended")
    func smallPut() async throws {
        try await RunningReceiver.run(resumableAbove: 1_000_000) { receiver in
            let location = try #require(try await receiver.announce(Self.body, "a").fields["location"])
            var request = receiver.part(Self.body[...], of: location, isLast: true)
            request.fields.append(("Expect", "100-continue"))
            let waiting = request
            let context = try receiver.context(receiver.lab.pi("pi-01"))
            let older = try await blocking {
                let older = try RawClient(port: receiver.port, context: context)
                try older.send(waiting.head.utf8)
                #expect(try older.response().status == 100)
                try older.send(waiting.body.dropLast())
                return Connection(older)
            }
            #expect(try await receiver.answer(to: receiver.request(path: "a", body: Self.body)).status == 201)
            try await older.expectNoAnswer()
            #expect(try await receiver.status(of: location).status == 404)
            #expect(receiver.partials.isEmpty)
        }
    }

    @Test("as a PUT whose connection seems alive is ended by the announcement of the same file")
    func takeOverPut() async throws {
        try await RunningReceiver.run(resumableAbove: 100_000) { receiver in
            var request = receiver.request(path: "a", body: Self.body)
            request.fields = [("Expect", "100-continue")]
            let whole = request
            let context = try receiver.context(receiver.lab.pi("pi-01"))
            let older = try await blocking {
                let older = try RawClient(port: receiver.port, context: context)
                try older.send(whole.head.utf8)
                #expect(try older.response().status == 100)
                try older.send(whole.body.dropLast())
                return Connection(older)
            }
            let announced = try await receiver.announce(Self.body, "a")
            #expect(announced.status == 201)
            try await older.expectNoAnswer()
        }
    }

    @Test("by a receiver that stops goes on when another one has started there")
    func restart() async throws {
        let folder = try TemporaryFolder()
        try await RunningReceiver.run(drainSeconds: 0, folder: folder) { receiver in
            let location = try #require(try await receiver.announce(Self.body, "a").fields["location"])
            var request = receiver.part(Self.body[...], of: location, isLast: true)
            request.fields.append(("Expect", "100-continue"))
            let waiting = request
            try await receiver.connected { client in
                try client.send(waiting.head.utf8)
                _ = try client.response()
                try client.send(waiting.body.dropLast(100_000))
                Task { await receiver.stop() }
                #expect(throws: (any Error).self) { try client.response() }
            }
        }
        try await RunningReceiver.run(folder: folder) { receiver in
            let announced = try await receiver.announce(Self.body, "a")
            #expect(announced.status == 201)
            let offset = try #require(Int(announced.fields["upload-offset"] ?? ""))
            let location = try #require(announced.fields["location"])
            let rest = try await receiver.answer(to: receiver.part(Self.body[offset...], of: location, isLast: true))
            #expect(rest.status == 201)
            #expect(try receiver.folder.read("received_files/pi-01/a") == Self.body)
        }
    }
}

/// Goes from one thread to another, one after the other.
final class Connection: @unchecked Sendable {  // Used by one thread at a time.
    let client: RawClient
    init(_ client: RawClient) { self.client = client }

    /// The receiver closes over our head: an end or a reset.
    func expectNoAnswer() async throws {
        let answer = try await blocking { try? self.client.response() }
        #expect(answer == nil)
    }
}
