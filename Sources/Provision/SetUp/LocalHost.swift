import CertificateAuthority
import Glibc

/// How this computer can be reached, without asking a name server.
enum LocalHost {
    /// `localhost`, the host's name, and the addresses of all interfaces; no link-local ones, which are of no use
    /// without the name of the client's interface.
    static func names() -> [HostName] {
        let names = ["localhost", "127.0.0.1", "::1", hostName()].compactMap { $0.flatMap(HostName.init) }
        return names + interfaceAddresses()
    }

    /// The address under which others most likely reach this computer: that of the default route.
    static func likelyAddress() -> HostName? {
        routeAddress() ?? interfaceAddresses().first ?? hostName().flatMap(HostName.init)
    }

    private static func hostName() -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        // One byte less: a name that is cut off may lack its end (gethostname(2)).
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return nil }
        return buffer.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    private static func interfaceAddresses() -> [HostName] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var addresses: [HostName] = []
        var next = first
        while let interface = next?.pointee {
            next = interface.ifa_next
            let flags = Int32(truncatingIfNeeded: interface.ifa_flags)
            guard flags & Int32(IFF_UP) != 0, flags & Int32(IFF_LOOPBACK) == 0,
                let text = interface.ifa_addr.flatMap(numericText), let address = HostName(text),
                !text.hasPrefix("169.254."), !addresses.contains(address)
            else { continue }
            addresses.append(address)
        }
        return addresses
    }

    /// A connected datagram socket sends nothing, but the kernel chooses the address it would send from.
    private static func routeAddress() -> HostName? {
        let socket = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return nil }
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(9).bigEndian
        // Kept for documentation (RFC 5737), so that it is reached by the default route alone.
        guard inet_pton(AF_INET, "192.0.2.1", &address.sin_addr) == 1 else { return nil }
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard connect(socket, pointer, size) == 0, getsockname(socket, pointer, &size) == 0 else { return nil }
                return numericText(pointer).flatMap(HostName.init)
            }
        }
    }

    /// `nil` for other families, and for link-local IPv6, which is written with its interface.
    private static func numericText(_ address: UnsafeMutablePointer<sockaddr>) -> String? {
        let size: Int
        switch Int32(address.pointee.sa_family) {
        case AF_INET: size = MemoryLayout<sockaddr_in>.size
        case AF_INET6: size = MemoryLayout<sockaddr_in6>.size
        default: return nil
        }
        var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard
            getnameinfo(address, socklen_t(size), &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST) == 0
        else { return nil }
        let text = buffer.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        return text.contains("%") ? nil : text
    }
}
