import Glibc

/// Where the receiver listens, as it was typed: an IPv4 or IPv6 address, or a host name.
struct ReceiverAddress: Hashable, Sendable {
    /// Without brackets, with the zone of a link-local address.
    let host: String
    let port: UInt16
    private let isIPv6: Bool

    /// `nil` unless `text` is an address or a host name; brackets around IPv6 may be there or not.
    init?(_ text: String, port: UInt16) {
        let isBracketed = text.utf8.first == UInt8(ascii: "[") && text.utf8.last == UInt8(ascii: "]")
        let host = isBracketed ? String(text.dropFirst().dropLast()) : text
        isIPv6 = host.utf8.contains(UInt8(ascii: ":"))
        if isIPv6 {
            guard Self.isIPv6Address(host) else { return nil }
        } else {
            // What goes into the Host field must not be able to end its line.
            guard !isBracketed, (1...253).contains(host.utf8.count), host.utf8.allSatisfy(isHostCharacter) else {
                return nil
            }
        }
        self.host = host
        self.port = port
    }

    /// For messages.
    var url: String { "https://\(isIPv6 ? "[\(host)]" : host):\(port)" }

    /// What `Host` says: lower case, without a zone, which means something on this machine only, and without the port
    /// that https has anyway (RFC 9421, section 2.2.3).
    var authority: String {
        let name = host.prefix { $0 != "%" }.lowercased()
        let bracketed = isIPv6 ? "[\(name)]" : name
        return port == 443 ? bracketed : "\(bracketed):\(port)"
    }

    private static func isIPv6Address(_ host: String) -> Bool {
        let parts = host.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 {
            guard !parts[1].isEmpty, parts[1].utf8.allSatisfy(isHostCharacter) else { return false }
        }
        var address = in6_addr()
        return inet_pton(AF_INET6, String(parts[0]), &address) == 1
    }
}

private func isHostCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: "-._".utf8.contains(byte)
    }
}
