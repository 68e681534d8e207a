import Files
import Glibc

/// Opens a TCP connection to one of a receiver's addresses.
enum Dialer {
    struct Failure: Error, Hashable {
        let reason: String
        let hint: String?
        /// Whether it was only that nobody answered in time.
        let mayPass: Bool
    }

    /// Tries every address that the name has, each for `timeLimit`. `tell`: is called about every second, with the time that
    /// has gone.
    static func connect(
        to receiver: ReceiverAddress, timeLimit: Duration, tell: (Duration) -> Void
    ) throws(Failure) -> FileDescriptor {
        try connect(to: addresses(of: receiver), of: receiver, timeLimit: timeLimit, tell: tell)
    }

    /// Never empty.
    static func addresses(of receiver: ReceiverAddress) throws(Failure) -> [NetworkAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(receiver.host, String(receiver.port), &hints, &list)
        guard result == 0 else {
            throw Failure(
                reason: "\(receiver.host): \(String(cString: gai_strerror(result)))",
                hint: hint(forResolving: receiver, code: result), mayPass: false)
        }
        defer { freeaddrinfo(list) }
        return sequence(first: list, next: { $0?.pointee.ai_next }).compactMap {
            $0.flatMap { NetworkAddress($0.pointee) }
        }
    }

    static func connect(
        to addresses: [NetworkAddress], of receiver: ReceiverAddress, timeLimit: Duration,
        tell: (Duration) -> Void = { _ in }
    ) throws(Failure) -> FileDescriptor {
        var errors: [SystemCallError] = []
        for address in addresses {
            do throws(SystemCallError) {
                return try connect(to: address, name: receiver.url, timeLimit: timeLimit, tell: tell)
            } catch {
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
        to address: NetworkAddress, name: String, timeLimit: Duration, tell: (Duration) -> Void
    ) throws(SystemCallError) -> FileDescriptor {
        let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number = socket(address.family, address.type | flags, address.transport)
        guard number >= 0 else { throw SystemCallError("connect to", name) }
        let descriptor = FileDescriptor(takingOwnershipOf: number, path: name)
        if address.withPointer({ Glibc.connect(number, $0, $1) }) != 0 {
            guard errno == EINPROGRESS || errno == EINTR else { throw SystemCallError("connect to", name) }
            try waitUntilConnected(descriptor, timeLimit: timeLimit, tell: tell)
        }
        setOption(number, IPPROTO_TCP, TCP_NODELAY, 1)
        // The kernel says "writable" while less than this waits to be sent: what it hoarded would carry signatures that
        // grow old there (tcp(7)).
        setOption(number, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 128 << 10)
        return descriptor
    }

    private static func waitUntilConnected(
        _ socket: FileDescriptor, timeLimit: Duration, tell: (Duration) -> Void
    ) throws(SystemCallError) {
        let start = Uptime.now
        let deadline = start + timeLimit
        var event = pollfd(fd: socket.number, events: Int16(POLLOUT), revents: 0)
        while poll(&event, 1, min(deadline - .now, .seconds(1)).milliseconds) <= 0 {
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

    private static func setOption(_ socket: Int32, _ level: Int, _ name: Int32, _ value: Int32) {
        var value = value
        // A kernel that does not know an option works without it.
        _ = setsockopt(socket, Int32(level), name, &value, socklen_t(MemoryLayout<Int32>.size))
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
