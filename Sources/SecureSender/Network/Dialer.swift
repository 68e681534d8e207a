import Files
import Glibc

/// Opens a TCP connection to one of a receiver's addresses.
enum Dialer {
    struct Failure: Error, Hashable {
        let reason: String
        let hint: String?
        /// Whether it was only that nobody answered in time.
        let mayPass: Bool

        static let stopped = Failure(reason: "\(SecureChannel.End.stopped)", hint: nil, mayPass: true)
    }

    /// Tries every address that the name has, each for `timeLimit`, and fails as soon as `stop` is wanted. `tell`: is called
    /// about every second, with the time that has gone.
    static func connect(
        to receiver: ReceiverAddress, timeLimit: Duration, stop: StopSignal, tell: (Duration) -> Void
    ) throws(Failure) -> FileDescriptor {
        try connect(
            to: addresses(of: receiver, stop: stop, tell: tell), of: receiver, timeLimit: timeLimit, stop: stop,
            tell: tell)
    }

    /// Never empty.
    static func addresses(
        of receiver: ReceiverAddress, stop: StopSignal = StopSignal(), tell: (Duration) -> Void = { _ in }
    ) throws(Failure) -> [NetworkAddress] {
        guard let answer = NameLookup(receiver).answer(stop: stop, tell: tell) else { throw .stopped }
        switch answer {
        case .found(let addresses): return addresses
        case .failed(let code):
            throw Failure(
                reason: "\(receiver.host): \(String(cString: gai_strerror(code)))",
                hint: hint(forResolving: receiver, code: code), mayPass: false)
        }
    }

    static func connect(
        to addresses: [NetworkAddress], of receiver: ReceiverAddress, timeLimit: Duration,
        stop: StopSignal = StopSignal(), tell: (Duration) -> Void = { _ in }
    ) throws(Failure) -> FileDescriptor {
        var errors: [SystemCallError] = []
        for address in addresses {
            do throws(SystemCallError) {
                return try connect(to: address, name: receiver.url, timeLimit: timeLimit, stop: stop, tell: tell)
            } catch {
                if stop.isWanted { throw .stopped }
                if !errors.contains(where: { $0.code == error.code }) { errors.append(error) }
            }
        }
        throw Failure(
            reason: errors.map(\.reason).joined(separator: ", "),
            // Of several, the one that came nearest: a computer that answers at one address is there.
            hint: (errors.first { $0.code == ECONNREFUSED } ?? errors.first).flatMap {
                hint(forConnecting: receiver, code: $0.code)
            }, mayPass: errors.contains { $0.code == ETIMEDOUT })
    }

    private static func connect(
        to address: NetworkAddress, name: String, timeLimit: Duration, stop: StopSignal, tell: (Duration) -> Void
    ) throws(SystemCallError) -> FileDescriptor {
        let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number = socket(address.family, address.type | flags, address.transport)
        guard number >= 0 else { throw SystemCallError("connect to", name) }
        let descriptor = FileDescriptor(takingOwnershipOf: number, path: name)
        if address.withPointer({ Glibc.connect(number, $0, $1) }) != 0 {
            guard errno == EINPROGRESS || errno == EINTR else { throw SystemCallError("connect to", name) }
            try waitUntilConnected(descriptor, timeLimit: timeLimit, stop: stop, tell: tell)
        }
        descriptor.setOption(IPPROTO_TCP, TCP_NODELAY, 1)
        // The kernel says "writable" while less than this waits to be sent: what it hoarded would carry signatures that
        // grow old there (tcp(7)).
        descriptor.setOption(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 128 << 10)
        probeSilence(of: descriptor)
        // What is lost again and again is sent again at least so often, and not after twice as long each time, up to two
        // minutes: by then the receiver has lost its patience. In milliseconds; from Linux 6.15 on (TCP_RTO_MAX_MS).
        descriptor.setOption(IPPROTO_TCP, 44, 5000)
        return descriptor
    }

    /// While we wait for an answer we send nothing, and are never told that the other end, or a router between, has
    /// forgotten the connection: so the kernel asks, after 2 s and then every 5 s. Of a network that loses a fifth of all packets,
    /// both ways, eleven questions in a row go unanswered once in 70,000 times (tcp(7)).
    private static func probeSilence(of socket: FileDescriptor) {
        socket.setOption(SOL_SOCKET, SO_KEEPALIVE, 1)
        socket.setOption(IPPROTO_TCP, TCP_KEEPIDLE, 2)
        socket.setOption(IPPROTO_TCP, TCP_KEEPINTVL, 5)
        socket.setOption(IPPROTO_TCP, TCP_KEEPCNT, 11)
    }

    private static func waitUntilConnected(
        _ socket: FileDescriptor, timeLimit: Duration, stop: StopSignal, tell: (Duration) -> Void
    ) throws(SystemCallError) {
        let start = Uptime.now
        let deadline = start + timeLimit
        while !stop.poll(socket, for: Int16(POLLOUT), until: min(deadline, .now + SenderSettings.wordInterval)) {
            guard !stop.isWanted else { throw SystemCallError("connect to", socket.path, code: EINTR) }
            tell(.now - start)
            guard Uptime.now < deadline else { throw SystemCallError("connect to", socket.path, code: ETIMEDOUT) }
        }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(socket.number, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else {
            throw SystemCallError("connect to", socket.path)
        }
        guard code == 0 else { throw SystemCallError("connect to", socket.path, code: code) }
    }
}

extension FileDescriptor {
    /// Of a socket. A kernel that does not know an option works without it.
    func setOption(_ level: some BinaryInteger, _ name: Int32, _ value: Int32) {
        var value = value
        _ = setsockopt(number, Int32(level), name, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}

// MARK: - The way out

extension Dialer {
    private static func hint(forResolving receiver: ReceiverAddress, code: Int32) -> String {
        switch code {
        case EAI_AGAIN:
            "no name server answers: is this Pi in the network (ip address)? An address such as 192.168.1.20 needs none"
        default:
            "is the name written as on the server (hostname)? What the network knows: getent hosts \(receiver.host)"
        }
    }

    private static func hint(forConnecting receiver: ReceiverAddress, code: Int32) -> String? {
        let host = receiver.host
        switch code {
        case ECONNREFUSED:
            return
                "that computer is there, but nothing listens on its port \(receiver.port): is secure-receiver running, and on this port?"
        case ETIMEDOUT:
            return
                "nothing comes back: the address may be another's, the server off, or a firewall drops port \(receiver.port); see: ping \(host)"
        case EHOSTUNREACH:
            return
                "that computer is off or not in this network, or a firewall rejects port \(receiver.port); see: ping \(host)"
        case ENETUNREACH, ENETDOWN:
            return "this Pi has no way to that network: is its Wi-Fi or cable connected? See: ip route get \(host)"
        default:
            return nil
        }
    }
}
