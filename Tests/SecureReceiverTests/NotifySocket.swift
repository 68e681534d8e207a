import Foundation
import TestSupport

/// What a service manager has: a socket to which datagrams come (sd_notify(3)).
final class NotifySocket: Sendable {
    /// For NOTIFY_SOCKET.
    let name: String
    private let socket: Int32
    private let folder: TemporaryFolder

    /// `isAbstract`: without a file (unix(7)).
    init(isAbstract: Bool = false) throws {
        folder = try TemporaryFolder()
        name = isAbstract ? "@\(UUID().uuidString)" : folder("notify")
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = [UInt8](name.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            bytes.copyBytes(from: path)
            if isAbstract { bytes[0] = 0 }
        }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count + (isAbstract ? 0 : 1))
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, length) }
        }
        guard bound == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }

    deinit {
        close(socket)
    }

    /// The assignments of the next datagram that has one of this name, if a name is given. Blocks.
    func next(_ name: String? = nil) throws -> [String: String] {
        while true {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
            let lines = String(decoding: buffer[..<count], as: UTF8.self).components(separatedBy: "\n")
            let pairs = lines.map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) }
            let assignments = Dictionary(pairs.map { (String($0[0]), String($0[1])) }) { $1 }
            if name.map({ assignments[$0] != nil }) ?? true { return assignments }
        }
    }
}
