import Foundation
package import OpenSSL

/// A TLS client that sends whatever bytes a test wants, and reads answers as they come.
///
/// It blocks: call it inside of `blocking`, so that it does not hold a thread that other tests need.
package final class RawClient {
    private let socket: Int32
    private let tls: TLSConnection
    private var received: [UInt8] = []

    package struct Response: Sendable {
        package let status: Int
        /// Names in lower case.
        package let fields: [String: String]
        package let body: [UInt8]

        package var text: String { String(decoding: body, as: UTF8.self) }

        /// A member of the body's JSON object.
        package func member(_ name: String) -> String? {
            let object = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]
            return object?[name].map { "\($0)" }
        }

        package var code: String? { member("code") }
    }

    /// Connects to 127.0.0.1 and shakes hands. In TLS 1.3 that succeeds even if the server refuses our certificate.
    /// `address`: where it connects from, any address of the loopback.
    package init(port: Int, context: TLSContext, from address: String? = nil) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        tls = try TLSConnection(context: context, serverName: "secure-receiver")
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let isConnected =
            (address.map { withAddress($0, port: 0) { bind(socket, $0, $1) } } ?? 0) == 0
            && withAddress("127.0.0.1", port: port) { connect(socket, $0, $1) } == 0
        guard isConnected else { throw Failure("connect: \(String(cString: strerror(errno)))") }
        while try tls.handshake() == .needsMoreInput {
            try flush()
            try fill()
        }
        try flush()
    }

    deinit {
        close(socket)
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        package init(_ description: String) { self.description = description }
    }

    package var serverCertificate: Certificate? { tls.peerChain?.leaf }

    package func send(_ bytes: some Collection<UInt8>) throws {
        try Array(bytes).withUnsafeBytes { try tls.write($0) }
        try flush()
    }

    /// Says that we send no more; answers can still be read.
    package func closeOutput() throws {
        tls.closeOutput()
        try flush()
        shutdown(socket, Int32(SHUT_WR))
    }

    /// The next answer; throws TLSError if the server turned us down, Failure if it closed.
    package func response() throws -> Response { try next(hasBody: true) }

    /// The next answer, to a request of HEAD.
    package func headers() throws -> Response { try next(hasBody: false) }

    private func next(hasBody: Bool) throws -> Response {
        while true {
            if let (response, count) = Self.parse(received, hasBody: hasBody) {
                received.removeFirst(count)
                return response
            }
            guard try receive() else { throw Failure("closed after \(String(decoding: received, as: UTF8.self))") }
        }
    }

    /// Whether the server has closed, after anything that it still had to say.
    package func isClosedByServer() throws -> Bool {
        while true {
            guard try receive() else { return true }
        }
    }

    /// What the server says until it closes.
    package func rest() throws -> String {
        while try receive() {}
        return String(decoding: received, as: UTF8.self)
    }

    private func receive() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            switch try buffer.withUnsafeMutableBytes({ try tls.read(into: $0) }) {
            case .bytes(let count):
                received += buffer[..<count]
                return true
            case .closed: return false
            case .needsMoreInput: try fill()
            }
        }
    }

    private func fill() throws {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        let count = repeated { recv(socket, &buffer, buffer.count, 0) }
        guard count > 0 else {
            throw Failure(count == 0 ? "the server closed the connection" : "recv: \(String(cString: strerror(errno)))")
        }
        buffer[..<count].withUnsafeBytes { tls.receive($0) }
    }

    private func flush() throws {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while tls.pendingCiphertextCount > 0 {
            let count = buffer.withUnsafeMutableBytes { tls.takeCiphertext(into: $0) }
            var sent = 0
            while sent < count {
                let result = buffer[sent..<count].withUnsafeBytes { bytes in
                    repeated { Glibc.send(socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
                }
                guard result > 0 else { throw Failure("send: \(String(cString: strerror(errno)))") }
                sent += result
            }
        }
    }

    private static func parse(_ bytes: [UInt8], hasBody: Bool) -> (Response, Int)? {
        guard let range = Data(bytes).range(of: Data("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<range.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        guard let status = lines[0].split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        let length = status == 100 || !hasBody ? 0 : Int(fields["content-length"] ?? "0") ?? 0
        guard bytes.count >= range.upperBound + length else { return nil }
        let body = Array(bytes[range.upperBound..<(range.upperBound + length)])
        return (Response(status: status, fields: fields, body: body), range.upperBound + length)
    }
}

private func withAddress<Output>(
    _ address: String, port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Output
) -> Output {
    var socketAddress = sockaddr_in()
    socketAddress.sin_family = sa_family_t(AF_INET)
    socketAddress.sin_port = in_port_t(port).bigEndian
    socketAddress.sin_addr.s_addr = inet_addr(address)
    return withUnsafePointer(to: &socketAddress) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
}

/// Once more for each signal that interrupts the call.
private func repeated(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

/// Runs blocking work on a thread of its own.
package func blocking<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Swift.Result { try work() }) }
    }
}
