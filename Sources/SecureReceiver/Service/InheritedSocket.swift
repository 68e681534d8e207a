import CommandSupport
import Glibc

/// The socket that systemd listens on and hands over, if the receiver is started by a .socket unit (sd_listen_fds(3)).
enum InheritedSocket {
    /// systemd passes them from here on.
    private static let first: Int32 = 3

    /// `nil` if there is none. Throws CommandFailure if what was passed is of no use.
    static func find(environment: (String) -> String? = variable) throws(CommandFailure) -> Int32? {
        // The variables may be those of the shell that started us.
        guard environment("LISTEN_PID") == "\(getpid())",
            let count = environment("LISTEN_FDS").flatMap({ Int($0) }), count > 0
        else { return nil }
        guard count == 1 else { throw failure("it passes \(count) sockets") }
        return try check(first)
    }

    /// Throws CommandFailure unless it is a TCP socket that listens.
    static func check(_ socket: Int32) throws(CommandFailure) -> Int32 {
        guard let type = option(SO_TYPE, of: socket) else {
            throw failure("descriptor \(socket) is no socket: \(String(cString: strerror(errno)))")
        }
        guard let domain = option(SO_DOMAIN, of: socket), domain == AF_INET || domain == AF_INET6 else {
            throw failure("descriptor \(socket) is no socket for IPv4 or IPv6")
        }
        guard type == Int32(SOCK_STREAM.rawValue) else {
            throw failure("descriptor \(socket) is no stream socket")
        }
        guard option(SO_ACCEPTCONN, of: socket) == 1 else {
            throw failure("descriptor \(socket) is a socket that does not listen")
        }
        _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
        return socket
    }

    private static func option(_ name: Int32, of socket: Int32) -> Int32? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
    }

    private static func failure(_ reason: String) -> CommandFailure {
        CommandFailure(
            "Cannot listen on what systemd passes", reason: reason,
            hint: "the .socket unit needs exactly one ListenStream=, with a port, and no Accept=yes.",
            exitCode: .configuration)
    }
}
