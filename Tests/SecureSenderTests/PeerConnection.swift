import Foundation
import Glibc
import OpenSSL

/// One accepted connection of a scripted receiver, on a thread of its own, with a blocking socket.
final class PeerConnection {
    /// 0 for the first one that the receiver accepted.
    let number: Int
    private let socket: Int32
    private let tls: TLSConnection
    private var plaintext: [UInt8] = []
    private var isOpen = true

    struct Ended: Error {}

    init(socket: Int32, number: Int, context: TLSContext) throws {
        self.socket = socket
        self.number = number
        tls = try TLSConnection(context: context)
    }

    deinit {
        close()
    }

    func handshake() throws {
        do {
            while try tls.handshake() == .needsMoreInput {
                try flush()
                try takeFromNetwork()
            }
        } catch let error as TLSError {
            // The alert has to arrive: closing with unread data would reset the connection and lose it.
            try flush()
            linger()
            throw error
        }
        try flush()
    }

    /// The next request with its body; throws `Ended` when the sender is done.
    func nextRequest() throws -> PeerRequest {
        let head = try nextHead()
        let body = try take(head.contentLength)
        return head.with(body: body)
    }

    /// The next request's head, its body unread.
    func nextHead() throws -> PeerRequest {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let range = plaintext.firstRange(of: end) {
                let head = Array(plaintext[..<range.lowerBound])
                plaintext.removeSubrange(..<range.upperBound)
                return try PeerRequest(head: head)
            }
            try read()
        }
    }

    func take(_ count: Int) throws -> [UInt8] {
        while plaintext.count < count { try read() }
        defer { plaintext.removeFirst(count) }
        return Array(plaintext[..<count])
    }

    func send(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try tls.write($0) }
        try flush()
    }

    /// Each byte in a record and a packet of its own.
    func sendByteByByte(_ bytes: [UInt8]) throws {
        for byte in bytes { try send([byte]) }
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        tls.closeOutput()
        try? flush()
        Glibc.close(socket)
    }

    /// Closes with a reset.
    func reset() {
        guard isOpen else { return }
        isOpen = false
        var option = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<Glibc.linger>.size))
        Glibc.close(socket)
    }

    /// Says that nothing more comes and reads until the sender is done too.
    func linger() {
        tls.closeOutput()
        try? flush()
        shutdown(socket, Int32(SHUT_WR))
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while recv(socket, &buffer, buffer.count, 0) > 0 {}
        isOpen = false
        Glibc.close(socket)
    }

    /// Waits until the sender ends the connection, reading nothing that it says.
    func waitForEnd() {
        // POLLRDHUP (poll(2)), which the Glibc module hides.
        var event = pollfd(fd: socket, events: 0x2000, revents: 0)
        poll(&event, 1, -1)
    }

    private func read() throws {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            switch try buffer.withUnsafeMutableBytes({ try tls.read(into: $0) }) {
            case .bytes(let count):
                plaintext += buffer[..<count]
                return
            case .needsMoreInput: try takeFromNetwork()
            case .closed: throw Ended()
            }
        }
    }

    private func takeFromNetwork() throws {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(socket, &buffer, buffer.count, 0)
        guard count > 0 else { throw Ended() }
        buffer.withUnsafeBytes { tls.receive(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    private func flush() throws {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = buffer.withUnsafeMutableBytes { tls.takeCiphertext(into: $0) }
            guard count > 0 else { return }
            var rest = buffer[..<count]
            while !rest.isEmpty {
                let sent = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                guard sent > 0 else { throw Ended() }
                rest = rest.dropFirst(sent)
            }
        }
    }
}

/// A request as it arrived, read without much care: it comes from the program under test.
struct PeerRequest: Sendable {
    let method: String
    let target: String
    let fields: [String: String]
    let body: [UInt8]

    struct Broken: Error {}

    init(head: [UInt8]) throws {
        let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].components(separatedBy: " ")
        guard words.count == 3, words[2] == "HTTP/1.1" else { throw Broken() }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.range(of: ": ") else { throw Broken() }
            let previous = fields.updateValue(
                String(line[colon.upperBound...]), forKey: line[..<colon.lowerBound].lowercased())
            guard previous == nil else { throw Broken() }
        }
        (method, target, body) = (words[0], words[1], [])
        self.fields = fields
    }

    private init(_ other: PeerRequest, target: String? = nil, body: [UInt8]? = nil) {
        (method, fields) = (other.method, other.fields)
        self.target = target ?? other.target
        self.body = body ?? other.body
    }

    func with(body: [UInt8]) -> PeerRequest { PeerRequest(self, body: body) }
    func with(target: String) -> PeerRequest { PeerRequest(self, target: target) }

    var contentLength: Int { fields["content-length"].flatMap { Int($0) } ?? 0 }
}
