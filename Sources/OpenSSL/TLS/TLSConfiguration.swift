/// How one side of a TLS 1.3 connection presents itself and whom it believes.
package struct TLSConfiguration: Sendable {
    package enum Role: Sendable { case client, server }

    package var role: Role
    /// The own certificate first, then its issuers, if any.
    package var certificateChain: [Certificate]
    package var privateKey: PrivateKey
    /// The only roots that are trusted; the system's are not.
    package var trustRoots: [Certificate]
    /// Decides about a peer whose chain OpenSSL has already verified up to one of `trustRoots`.
    package var peerPolicy: @Sendable (VerifiedChain) -> PeerDecision
    /// When certificates are judged. The default is the system's clock.
    package var verificationTime = VerificationTime.systemClock
    /// Offers ChaCha20-Poly1305 before AES. The default is false.
    package var prefersChaCha20 = false

    package init(
        role: Role, certificateChain: [Certificate], privateKey: PrivateKey, trustRoots: [Certificate],
        peerPolicy: @escaping @Sendable (VerifiedChain) -> PeerDecision
    ) {
        self.role = role
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.trustRoots = trustRoots
        self.peerPolicy = peerPolicy
    }
}

/// In seconds since 1970.
package enum VerificationTime: Hashable, Sendable {
    case systemClock
    case exactly(Int64)
    /// For who knows only that it is not earlier: a certificate that begins later proves that it is later, because the
    /// authority made it before. What ended before is refused all the same.
    case notBefore(Int64)
}

/// A peer's certificates as OpenSSL verified them.
package struct VerifiedChain: Sendable {
    /// From the leaf to one of our roots; never empty.
    package let certificates: [Certificate]

    package var leaf: Certificate { certificates[0] }
    package var root: Certificate { certificates[certificates.count - 1] }
}

package enum PeerDecision: Hashable, Sendable {
    case accept
    /// With a sentence that says what is wrong with the certificate.
    case refuse(String)
}
