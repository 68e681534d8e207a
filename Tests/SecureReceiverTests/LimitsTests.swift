import Foundation
import NIOCore
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@testable import SecureReceiver

@Suite("A client that takes more than its share")
struct LimitsTests {
    private static let hello = Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8)

    private static func limits(_ change: (inout ClientLimits) -> Void) -> ClientLimits {
        var limits = ClientLimits()
        change(&limits)
        return limits
    }

    private static let short = TimeAmount.milliseconds(200)

    // MARK: Time

    @Test("is answered 408 if its head does not end, and the connection ends")
    func slowHead() async throws {
        try await RunningReceiver.run(limits: Self.limits { $0.headTime = Self.short }) { receiver in
            try await receiver.connected { client in
                try client.send("PUT /v1/files/a HTTP/1.1\r\nHost:".utf8)
                let answer = try client.response()
                #expect(answer.status == 408)
                #expect(answer.code == "timeout")
                #expect(answer.fields["connection"] == "close")
                #expect(try client.rest() == "")
            }
        }
    }

    @Test("is answered 408 if its body comes too slowly, and nothing is stored")
    func slowBody() async throws {
        try await RunningReceiver.run(limits: Self.limits { $0.bodyWindow = .seconds(1) }) { receiver in
            let request = receiver.request(body: Array(repeating: 1, count: 100_000))
            try await receiver.connected { client in
                try client.send(request.bytes.dropLast(99_999))
                let answer = try client.response()
                #expect(answer.status == 408)
                #expect(answer.code == "timeout")
                #expect(try client.rest() == "")
            }
            #expect(receiver.stored.isEmpty)
        }
    }

    @Test("is let go if a body that was refused does not come to its end")
    func slowRefusedBody() async throws {
        try await RunningReceiver.run(limits: Self.limits { $0.headTime = .seconds(1) }) { receiver in
            var request = receiver.request(body: Array(repeating: 1, count: 50_000))
            request.secret = PiSecret(Array("0123456789abcdef".utf8))!
            let forged = request
            try await receiver.connected { client in
                try client.send(forged.bytes.dropLast(49_999))
                #expect(try client.response().status == 401)
                #expect(try client.rest() == "")
            }
        }
    }

    @Test("is let go if it stays without a request; earlier if it has shown no good signature")
    func idle() async throws {
        try await RunningReceiver.run(limits: Self.limits { $0.idleTime = Self.short }) { receiver in
            let rest = try await receiver.connected { try $0.rest() }
            #expect(rest == "")
        }
        try await RunningReceiver.run(limits: Self.limits { $0.headTime = Self.short }) { receiver in
            let rest = try await receiver.connected { client in
                try client.send(Self.hello)
                _ = try client.response()
                return try client.rest()
            }
            #expect(rest == "")
        }
    }

    @Test("is let go if it does not take its answers")
    func unreadAnswers() async throws {
        try await RunningReceiver.run(limits: Self.limits { $0.headTime = .seconds(1) }) { receiver in
            try await receiver.connected { client in
                let many = Array(repeatElement(Self.hello, count: 1000).joined())
                #expect(throws: (any Error).self) {
                    while true { try client.send(many) }
                }
            }
            #expect(receiver.log.lines.contains { $0.contains("answers not taken") })
        }
    }

    // MARK: Connections

    @Test("gets a new connection: the one of that Pi that was idle for the longest time makes way")
    func idleMakesWay() async throws {
        try await RunningReceiver.run(limits: Self.limits { $0.connectionsPerPi = 2 }) { receiver in
            let context = try receiver.context(receiver.lab.pi("pi-01"))
            let other = try receiver.context(receiver.lab.pi("pi-02"))
            try await blocking {
                let clients = try [other, context, context].map { try RawClient(port: receiver.port, context: $0) }
                for client in clients { _ = try Self.greet(client) }
                let newest = try RawClient(port: receiver.port, context: context)
                #expect(try Self.greet(newest) == 200)
                #expect(try clients[1].rest() == "")
                for client in [clients[0], clients[2], newest] { #expect(try Self.greet(client) == 200) }
            }
        }
    }

    @Test("is answered 429 on one more connection while something is under way on all the others")
    func surplus() async throws {
        let limits = Self.limits {
            $0.connectionsPerPi = 1
            $0.silence = .hours(1)
        }
        try await RunningReceiver.run(limits: limits) { receiver in
            let context = try receiver.context(receiver.lab.pi("pi-01"))
            let upload = receiver.request(body: Array(repeating: 1, count: 100))
            try await blocking {
                let busy = try Self.begin(upload, RawClient(port: receiver.port, context: context))
                let surplus = try RawClient(port: receiver.port, context: context)
                try surplus.send(receiver.request(path: "b").bytes)
                let answer = try surplus.response()
                #expect(answer.status == 429)
                #expect(answer.fields["retry-after"] == "5")
                #expect(try surplus.rest() == "")
                try busy.send(upload.body)
                #expect(try busy.response().status == 201)
            }
        }
    }

    @Test("is not locked out by connections that its Wi-Fi left behind in the middle of an upload")
    func silentMakesWay() async throws {
        let limits = Self.limits {
            $0.connectionsPerPi = 1
            $0.silence = .zero
        }
        try await RunningReceiver.run(limits: limits) { receiver in
            let context = try receiver.context(receiver.lab.pi("pi-01"))
            let upload = receiver.request()
            try await blocking {
                let dead = try Self.begin(upload, RawClient(port: receiver.port, context: context))
                let next = try RawClient(port: receiver.port, context: context)
                try next.send(upload.bytes)
                #expect(try next.response().status == 201)
                #expect(throws: (any Error).self) { try dead.response() }
            }
        }
    }

    @Test("makes way for another Pi if all connections are taken and one is idle")
    func allTaken() async throws {
        try await RunningReceiver.run(limits: Self.limits { $0.connections = 3 }) { receiver in
            let context = try receiver.context(receiver.lab.pi("pi-01"))
            let other = try receiver.context(receiver.lab.pi("pi-02"))
            try await blocking {
                let clients = try (0..<3).map { _ in try RawClient(port: receiver.port, context: context) }
                for client in clients { _ = try? Self.greet(client) }
                for _ in 0..<3 {
                    let next = try RawClient(port: receiver.port, context: other)
                    #expect(try Self.greet(next) == 200)
                }
                withExtendedLifetime(clients) {}
            }
        }
    }

    @Test("does not keep others out with handshakes that it does not finish")
    func handshakes() async throws {
        let limits = Self.limits {
            $0.handshakes = 2
            $0.handshakePatience = Self.short
        }
        try await RunningReceiver.run(limits: limits) { receiver in
            let silent = try (0..<4).map { _ in try SilentConnection(port: receiver.port) }
            #expect(try await receiver.answer(to: receiver.request()).status == 201)
            withExtendedLifetime(silent) {}
        }
    }

    // MARK: A day's share, and the disk's

    @Test("is answered 429 until tomorrow once it has brought a day's files or bytes; a file again costs nothing")
    func quota() async throws {
        try await RunningReceiver.run(limits: Self.limits { $0.filesPerDay = 2 }) { receiver in
            #expect(try await receiver.answer(to: receiver.request(path: "1")).status == 201)
            #expect(try await receiver.answer(to: receiver.request(path: "1")).status == 200)
            #expect(try await receiver.answer(to: receiver.request(path: "2")).status == 201)
            try await expectTomorrow(receiver.answer(to: receiver.request(path: "3")))
            #expect(try await receiver.answer(to: receiver.request(pi: "pi-02"), as: "pi-02").status == 201)
        }
        try await RunningReceiver.run(limits: Self.limits { $0.bytesPerDay = 12 }) { receiver in
            for name in ["1", "2"] {
                #expect(try await receiver.answer(to: receiver.request(path: name)).status == 201)
            }
            try await expectTomorrow(receiver.answer(to: receiver.request(path: "3")))
            #expect(try await receiver.answer(to: receiver.request(path: "4", body: [1, 2])).status == 201)
            let never = receiver.request(path: "5", body: Array(repeating: 1, count: 13))
            #expect(try await receiver.answer(to: never).code == "too-large")
        }
    }

    private func expectTomorrow(_ answer: RawClient.Response) {
        #expect(answer.code == "too-many-requests")
        let seconds = answer.fields["retry-after"].flatMap { Int($0) } ?? 0
        #expect((1...86_400).contains(seconds))
    }

    @Test("is answered 507 for what would leave less free than is to be kept, before its body")
    func keptFree() async throws {
        try await RunningReceiver.run(limits: Self.limits { $0.keptFree = .bytes(.max) }) { receiver in
            let request = receiver.request()
            try await receiver.connected { client in
                try client.send(request.head.utf8)
                #expect(try client.response().code == "insufficient-storage")
            }
            #expect(receiver.stored.isEmpty)
        }
    }

    // MARK: Helpers

    private static func greet(_ client: RawClient) throws -> Int {
        try client.send(hello)
        return try client.response().status
    }

    /// Sends the head alone, and sees that it was taken.
    private static func begin(_ request: UploadRequest, _ client: RawClient) throws -> RawClient {
        var request = request
        request.fields = [("Expect", "100-continue")]
        try client.send(request.head.utf8)
        #expect(try client.response().status == 100)
        return client
    }
}

/// Connects and says nothing.
private final class SilentConnection {
    private let socket: Int32

    init(port: Int) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw RawClient.Failure("connect: \(String(cString: strerror(errno)))") }
    }

    deinit {
        close(socket)
    }
}
