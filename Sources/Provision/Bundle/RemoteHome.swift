import Glibc

/// Where a bundle is unpacked on another computer: `[user@]host[:folder]`, as scp(1) writes it.
struct RemoteHome: Hashable, Sendable {
    /// `user@host` or `host`, for ssh(1).
    let destination: String
    /// Relative to the user's home folder unless it begins with a slash; `nil` is that home folder.
    let folder: String?

    /// `nil` if `text` is none. IPv6 addresses stand in brackets if a folder follows.
    init?(_ text: String) {
        var rest = text[...]
        var user = ""
        if let at = rest.prefix(while: { $0 != ":" }).firstIndex(of: "@") {
            user = String(rest[...at])
            rest = rest[rest.index(after: at)...]
            guard user.count > 1 else { return nil }
        }
        var host: Substring
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = rest[rest.index(after: rest.startIndex)..<end]
            rest = rest[rest.index(after: end)...]
        } else if Self.isIPv6(rest) {
            host = rest
            rest = rest[rest.endIndex...]
        } else {
            host = rest.prefix { $0 != ":" }
            // Where in "fe80::1:stations" the address ends cannot be told; "fe80" is no host that somebody means.
            let isHexadecimal = host.utf8.count <= 4 && host.allSatisfy(\.isHexDigit)
            guard !isHexadecimal || rest.filter({ $0 == ":" }).count < 2 else { return nil }
            rest = rest[host.endIndex...]
        }
        guard rest.isEmpty || rest.first == ":" else { return nil }
        var folder = rest.dropFirst()
        // A URL, which scp would take too.
        guard !folder.hasPrefix("//") else { return nil }
        // ssh begins in the home folder, and a quoted ~ would be a folder of that name.
        if folder == "~" || folder.hasPrefix("~/") { folder = folder.dropFirst(2) }
        destination = user + host
        self.folder = folder.isEmpty ? nil : String(folder)
        // What begins with a hyphen would be an option to ssh.
        let isPlain = destination.utf8.allSatisfy { (0x21...0x7e).contains($0) && !Self.forbidden.contains($0) }
        guard !host.isEmpty, isPlain, !destination.hasPrefix("-"), !host.hasPrefix("-"),
            !folder.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f })
        else { return nil }
    }

    /// With its interface, perhaps: `fe80::1%eth0`.
    private static func isIPv6(_ text: Substring) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET6, String(text.prefix { $0 != "%" }), &address) == 1
    }

    private static let forbidden = Array("'\"\\$`;&|<>()*?!#/".utf8)
}
