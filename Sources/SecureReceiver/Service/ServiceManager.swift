import Glibc
import Synchronization

/// The service manager that started this process, systemd as a rule, and what it is told (sd_notify(3)).
///
/// The protocol is one datagram of lines `NAME=value` to the socket that the environment names, so no library is needed.
final class ServiceManager: Sendable {
    private let socket: Int32
    /// As in sockaddr_un; begins with a zero if it is abstract (unix(7)).
    private let path: [UInt8]
    /// How often at least it wants to hear that all is well, if it does (sd_watchdog_enabled(3)).
    let watchdogInterval: Duration?
    private let lastStatus = Mutex("")
    /// When it is to be asked for patience again; `nil` once the start is over.
    private let nextRequest = Mutex<ContinuousClock.Instant?>(.now)

    /// `nil` if nobody waits to be told.
    init?(environment: (String) -> String? = variable) {
        guard let name = environment("NOTIFY_SOCKET"), let first = name.utf8.first,
            first == UInt8(ascii: "/") || first == UInt8(ascii: "@")
        else { return nil }
        var path = Array(name.utf8)
        if first == UInt8(ascii: "@") { path[0] = 0 }
        guard path.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) else { return nil }
        // Kept open: it must go on to work when there are no descriptors left.
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return nil }
        var patience = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        self.socket = socket
        self.path = path
        watchdogInterval = Self.watchdogInterval(environment)
    }

    deinit {
        close(socket)
    }

    private static func watchdogInterval(_ environment: (String) -> String?) -> Duration? {
        guard let microseconds = environment("WATCHDOG_USEC").flatMap({ Int64($0) }), microseconds > 0 else {
            return nil
        }
        // Meant for another process, perhaps the shell that started this one.
        if let pid = environment("WATCHDOG_PID"), pid != "\(getpid())" { return nil }
        return .microseconds(microseconds)
    }

    /// A start that reads large files again may take longer than the unit says: as long as it gets on, it may. For every piece
    /// of it; what goes out is one message in 10 s.
    func isStillStarting() {
        let isDue = nextRequest.withLock { next in
            guard let due = next, .now >= due else { return false }
            next = .now + .seconds(10)
            return true
        }
        if isDue { send(["EXTEND_TIMEOUT_USEC=120000000"]) }
    }

    func isReady(status: String) {
        nextRequest.withLock { $0 = nil }
        send(["READY=1", "STATUS=\(status)"])
    }

    func isReloading() {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        send(["RELOADING=1", "MONOTONIC_USEC=\(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000)"])
    }

    func isStopping(status: String) {
        send(["STOPPING=1", "STATUS=\(status)"])
    }

    func isAlive() {
        send(["WATCHDOG=1"])
    }

    /// One line for `systemctl status`; sent if it is another one than before.
    func status(_ text: String) {
        let isNew = lastStatus.withLock { last in
            defer { last = text }
            return last != text
        }
        if isNew { send(["STATUS=\(text)"]) }
    }

    /// It may be gone, or too busy to listen: the work goes on all the same.
    private func send(_ lines: [String]) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        // An abstract name is as long as the address says, without a zero behind it.
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count + (path[0] == 0 ? 0 : 1))
        let message = Array(lines.joined(separator: "\n").utf8)
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(socket, message, message.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
    }
}

/// Of the environment.
func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
}
