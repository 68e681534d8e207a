import Files
import Glibc

/// Opens a TCP connection to one of a receiver's addresses.
enum Dialer {
    struct Failure: Error, Hashable {
        let reason: String
        /// Whether it was only that nobody answered in time.
        let mayPass: Bool
    }

    /// Tries every address that the name has, each for `timeLimit`. `tell`: is called about every second, with the time that
    /// has gone.
    static func connect(
        to receiver: ReceiverAddress, timeLimit: Duration, tell: (Duration) -> Void
    ) throws(Failure) -> FileDescriptor {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(receiver.host, String(receiver.port), &hints, &list)
        guard result == 0 else {
            throw Failure(reason: "\(receiver.host): \(String(cString: gai_strerror(result)))", mayPass: false)
        }
        defer { freeaddrinfo(list) }
        var reasons: [String] = []
        var mayPass = false
        var next = list
        while let address = next {
            do throws(SystemCallError) {
                return try connect(to: address.pointee, name: receiver.url, timeLimit: timeLimit, tell: tell)
            } catch {
                if error.code == ETIMEDOUT { mayPass = true }
                if !reasons.contains(error.reason) { reasons.append(error.reason) }
            }
            next = address.pointee.ai_next
        }
        throw Failure(reason: reasons.joined(separator: ", "), mayPass: mayPass)
    }

    private static func connect(
        to address: addrinfo, name: String, timeLimit: Duration, tell: (Duration) -> Void
    ) throws(SystemCallError) -> FileDescriptor {
        let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number = socket(address.ai_family, address.ai_socktype | flags, address.ai_protocol)
        guard number >= 0 else { throw SystemCallError("connect to", name) }
        let descriptor = FileDescriptor(takingOwnershipOf: number, path: name)
        if Glibc.connect(number, address.ai_addr, address.ai_addrlen) != 0 {
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
