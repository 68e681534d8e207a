/// The domain in which Pis' names are unique (SPIFFE-ID, section 2.1): 1 to 255 of a–z, 0–9, `.`, `-` and `_`.
package struct TrustDomain: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// `nil` if `text` is no such name.
    package init?(_ text: some StringProtocol) {
        let others = Array(".-_".utf8)
        guard (1...255).contains(text.utf8.count),
            text.utf8.allSatisfy({ isLowerAlphanumeric($0) || others.contains($0) })
        else { return nil }
        self.text = String(text)
    }

    package var description: String { text }

    /// The URI that the CA's certificate carries.
    package var uri: String { "spiffe://\(text)" }

    /// The URI that a Pi's certificate carries.
    package func uri(of pi: PiName) -> String { "\(uri)/pi/\(pi)" }

    /// `nil` unless `uri` is a CA's.
    package init?(uri: String) {
        guard uri.hasPrefix("spiffe://") else { return nil }
        self.init(uri.dropFirst("spiffe://".count))
    }

    /// `nil` unless `uri` is one of a Pi of this domain.
    package func piName(uri: String) -> PiName? {
        let prefix = "\(self.uri)/pi/"
        guard uri.hasPrefix(prefix) else { return nil }
        return PiName(uri.dropFirst(prefix.count))
    }
}
