import Files
import Glibc
import OpenSSL

/// A TLS connection over a non-blocking socket. Reading and writing take turns in one place, so that neither side can
/// hold the other up: we never write without reading.
final class SecureChannel {
    /// Why nothing more comes.
    enum End: Error, Hashable {
        /// The receiver said that it is done.
        case closed
        /// The connection ended without that word.
        case cut(String)
        case refused(TLSError)
        case timedOut
        /// Somebody wants us to end.
        case stopped
    }

    struct Activity {
        /// Bytes that the kernel took.
        var sent = 0
        /// Plaintext.
        var received: [UInt8] = []
        var end: End?
    }

    private let socket: FileDescriptor
    private let tls: TLSConnection
    private let stop: StopSignal
    private var unsent: [UInt8] = []
    private var unsentStart = 0
    private let buffer = PieceBuffer()
    private var limit: TokenBucket?
    /// Bytes that are encrypted together, at most 16 KiB (RFC 8446, section 5.1): what comes in part cannot be read.
    var recordSize = 16 << 10
    /// Bytes that the kernel may keep until they are acknowledged, sent or not (socket(7), SO_SNDBUF); `nil`: as many as it
    /// likes, unless it was told before.
    var mostOnTheWay: Int? {
        didSet {
            guard let mostOnTheWay, mostOnTheWay != oldValue else { return }
            socket.setOption(SOL_SOCKET, SO_SNDBUF, Int32(clamping: mostOnTheWay))
        }
    }
    /// What the peer said first, as far as it came in one piece: something that speaks no TLS tells so what it is.
    private(set) var firstBytes: [UInt8] = []
    /// The peer takes no more. Its last words may still wait to be read: the alert that refuses our certificate, or the
    /// answer that refuses a file.
    private(set) var writeFailure: SystemCallError?

    /// `rateLimit`: bytes a second that go out. `stop`: what cuts waiting short.
    init(
        _ socket: FileDescriptor, context: TLSContext, serverName: String, rateLimit: Int64? = nil,
        stop: StopSignal = StopSignal()
    ) throws(OpenSSLError) {
        self.socket = socket
        self.stop = stop
        limit = rateLimit.map { TokenBucket(rate: $0, now: .now) }
        tls = try TLSConnection(context: context, serverName: serverName)
    }

    /// Bytes that wait for the socket.
    var unsentCount: Int { unsent.count - unsentStart }

    var cipherSuite: String { tls.cipherSuite }

    /// Of the receiver; there after the handshake.
    var peerCertificate: Certificate? { tls.peerChain?.leaf }

    /// The one that we refused.
    var refusedCertificate: Certificate? { tls.refusedCertificate }

    /// `tell`: is called about every second, with the time that has gone.
    func handshake(timeLimit: Duration, tell: (Duration) -> Void) throws(End) {
        let start = Uptime.now
        let deadline = start + timeLimit
        while true {
            let state: TLSConnection.Handshake
            do throws(TLSError) {
                state = try tls.handshake()
            } catch {
                // The alert with which we refuse is on its way out, as far as the socket takes it.
                takeCiphertext()
                _ = flush()
                throw .refused(error)
            }
            takeCiphertext()
            _ = flush()
            if state == .complete { return }
            guard Uptime.now < deadline else { throw .timedOut }
            if stop.isWanted { throw .stopped }
            let nextWord = Uptime.now + SenderSettings.wordInterval
            wait(until: min(deadline, nextWord), hasMore: false)
            if Uptime.now >= nextWord { tell(.now - start) }
            if let end = takeFromSocket() { throw end }
        }
    }

    func send(_ plaintext: [UInt8]) throws(TLSError) {
        var rest = plaintext[...]
        while !rest.isEmpty {
            let count = min(rest.count, buffer.bytes.count)
            buffer.bytes.copyBytes(from: rest.prefix(count))
            try send(buffer.prefix(count))
            rest = rest.dropFirst(count)
        }
    }

    /// Encrypts `plaintext` into the bytes that wait.
    func send(_ plaintext: UnsafeRawBufferPointer) throws(TLSError) {
        guard writeFailure == nil else { return }
        var rest = plaintext[...]
        while !rest.isEmpty {
            try tls.write(UnsafeRawBufferPointer(rebasing: rest.prefix(recordSize)))
            rest = rest.dropFirst(recordSize)
        }
        takeCiphertext()
    }

    /// Writes what the socket takes, waits until it can be read or written or `other` can be read, at most `time`, and reads once.
    /// `hasMore`: whether the caller has more to send as soon as the socket takes it.
    func exchange(waiting time: Duration, hasMore: Bool, or other: FileDescriptor? = nil) -> Activity {
        var activity = Activity()
        activity.sent = flush()
        wait(until: .now + time, hasMore: hasMore, or: other)
        activity.sent += flush()
        let end = takeFromSocket()
        activity.end = decrypt(into: &activity.received) ?? end
        return activity
    }

    /// Says that nothing more will be sent, as far as the socket takes it.
    func close() {
        tls.closeOutput()
        takeCiphertext()
        _ = flush()
    }
}

extension SecureChannel {
    private func wait(until deadline: Uptime, hasMore: Bool, or other: FileDescriptor? = nil) {
        var events = Int16(POLLIN)
        let pause = unsentCount > 0 ? limit?.wait ?? .zero : .zero
        // While the limit lets nothing through, the socket may be writable all the time.
        if pause <= .zero, hasMore || unsentCount > 0, writeFailure == nil { events |= Int16(POLLOUT) }
        stop.poll(socket, for: events, or: other, until: pause > .zero ? min(deadline, .now + pause) : deadline)
    }

    private func takeCiphertext() {
        var count = tls.takeCiphertext(into: buffer.bytes)
        while count > 0 {
            unsent += buffer.prefix(count)
            count = tls.takeCiphertext(into: buffer.bytes)
        }
    }

    /// One write: more would fill the kernel's buffer beyond what TCP_NOTSENT_LOWAT lets it hoard.
    private func flush() -> Int {
        guard unsentCount > 0, writeFailure == nil else { return 0 }
        let most = min(unsentCount, limit?.available(at: .now) ?? unsentCount)
        guard most > 0 else { return 0 }
        let count = unsent.withUnsafeBytes { bytes in
            Glibc.send(socket.number, bytes.baseAddress?.advanced(by: unsentStart), most, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else {
            if errno != EAGAIN, errno != EINTR {
                writeFailure = SystemCallError("send to", socket.path)
                forgetUnsent()
            }
            return 0
        }
        limit?.take(count)
        unsentStart += count
        if unsentCount == 0 {
            forgetUnsent()
        } else if unsentStart >= unsent.count / 2 {
            unsent.removeFirst(unsentStart)
            unsentStart = 0
        }
        return count
    }

    private func forgetUnsent() {
        unsent.removeAll(keepingCapacity: true)
        unsentStart = 0
    }

    private func takeFromSocket() -> End? {
        let count = recv(socket.number, buffer.bytes.baseAddress, buffer.bytes.count, 0)
        if count > 0 {
            if firstBytes.isEmpty { firstBytes = Array(buffer.prefix(min(count, 64))) }
            tls.receive(buffer.prefix(count))
            return nil
        }
        if count == 0 { return .cut("the receiver closed the connection") }
        if errno == EAGAIN || errno == EINTR { return nil }
        return .cut(SystemCallError("read from", socket.path).reason)
    }

    private func decrypt(into plaintext: inout [UInt8]) -> End? {
        while true {
            do throws(TLSError) {
                switch try tls.read(into: buffer.bytes) {
                case .bytes(let count):
                    plaintext += buffer.prefix(count)
                case .needsMoreInput:
                    // An update of the keys may want an answer.
                    takeCiphertext()
                    return nil
                case .closed:
                    return .closed
                }
            } catch {
                return .refused(error)
            }
        }
    }
}
