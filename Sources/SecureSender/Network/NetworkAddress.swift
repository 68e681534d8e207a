import Glibc

/// One address that a name has, ready for connect(2).
struct NetworkAddress: Hashable, Sendable {
    let family: Int32
    let type: Int32
    let transport: Int32
    private let bytes: [UInt8]

    init?(_ info: addrinfo) {
        guard let address = info.ai_addr else { return nil }
        family = info.ai_family
        type = info.ai_socktype
        transport = info.ai_protocol
        bytes = Array(UnsafeRawBufferPointer(start: address, count: Int(info.ai_addrlen)))
    }

    /// As inet_ntop(3) writes it, with the zone of a link-local one.
    var text: String {
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let result = withPointer { getnameinfo($0, $1, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) }
        guard result == 0, let end = host.firstIndex(of: 0) else { return "an address" }
        return String(decoding: host[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        bytes.withUnsafeBytes { bytes in
            // The resolver made it of that family: its own type begins as every sockaddr does (sockaddr(3type)).
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            guard let pointer else { preconditionFailure("an address is never empty") }
            return body(pointer, socklen_t(bytes.count))
        }
    }
}
