import Glibc

/// A name or an address under which clients may know the receiver.
package enum HostName: Hashable, Sendable, CustomStringConvertible {
    /// Lower-case labels of letters, digits, inner hyphens (RFC 1123) and underscores, which hosts do have, joined by
    /// dots; at most 253 characters.
    case name(String)
    /// IPv4 or IPv6 as inet_ntop(3) writes it.
    case address(String)

    /// `nil` if `text` is neither; upper case in names reads as lower case.
    package init?(_ text: String) {
        // inet_pton would stop at a NUL, and a letter beyond ASCII may have one of ASCII as its lower case.
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
        if let address = Self.address(text, family: AF_INET) ?? Self.address(text, family: AF_INET6) {
            self = .address(address)
            return
        }
        let name = text.lowercased()
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        guard name.utf8.count <= 253,
            labels.allSatisfy({ (1...63).contains($0.utf8.count) && $0.utf8.allSatisfy(allowed.contains) }),
            !labels.contains(where: { $0.hasPrefix("-") || $0.hasSuffix("-") }),
            // A name whose last label is a number would be a broken address.
            labels.last?.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) == false
        else { return nil }
        self = .name(name)
    }

    package var description: String {
        switch self {
        case .name(let text), .address(let text): text
        }
    }

    private static func address(_ text: String, family: Int32) -> String? {
        var bytes = in6_addr()
        guard inet_pton(family, text, &bytes) == 1 else { return nil }
        var output = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(family, &bytes, &output, socklen_t(output.count)) != nil else { return nil }
        return output.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }
}
