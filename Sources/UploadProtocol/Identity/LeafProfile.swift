package import OpenSSL

/// What a certificate must be beyond a chain that OpenSSL accepts. OpenSSL alone passes leaves without an extended key
/// usage, with any usage, of version 1, or that are authorities themselves.
package enum LeafProfile {
    /// The DNS name that every receiver's certificate carries and every sender asks for, whatever address it dials.
    package static let receiverName = "secure-receiver"
    /// Seconds by which certificates start before they are made: a Pi without a battery clock may be behind.
    package static let headStart: Int64 = 2 * 86_400

    /// The name of the Pi that presents `chain`, in the trust domain of the root that issued it.
    package static func piName(of chain: VerifiedChain) throws(ProfileViolation) -> PiName {
        guard chain.certificates.count == 2 else { throw .notIssuedDirectly }
        try check(chain.leaf, purpose: .clientAuthentication)
        guard let domain = trustDomain(of: chain.root) else { throw .rootHasNoTrustDomain }
        let uris = chain.leaf.subjectAlternativeNames.compactMap { if case .uri(let uri) = $0 { uri } else { nil } }
        guard uris.count == 1 else { throw .notOneURI(uris.count) }
        guard let name = domain.piName(uri: uris[0]) else { throw .foreignURI(uris[0], domain) }
        return name
    }

    package static func checkReceiver(_ chain: VerifiedChain) throws(ProfileViolation) {
        guard chain.certificates.count == 2 else { throw .notIssuedDirectly }
        try checkReceiver(chain.leaf)
    }

    /// What a receiver's certificate says of itself, whoever issued it: only for one that is trusted for another reason.
    package static func checkReceiver(_ leaf: Certificate) throws(ProfileViolation) {
        try check(leaf, purpose: .serverAuthentication)
        guard leaf.subjectAlternativeNames.contains(.dns(receiverName)) else { throw .notTheReceiver }
    }

    /// The trust domain that a CA's certificate states; `nil` unless it states exactly one.
    package static func trustDomain(of root: Certificate) -> TrustDomain? {
        let uris = root.subjectAlternativeNames.compactMap { if case .uri(let uri) = $0 { uri } else { nil } }
        return uris.count == 1 ? TrustDomain(uri: uris[0]) : nil
    }

    private static func check(_ leaf: Certificate, purpose: Certificate.Purpose) throws(ProfileViolation) {
        guard leaf.version == 3 else { throw .version(leaf.version) }
        guard leaf.authority == .endEntity else { throw .notAnEndEntity }
        guard leaf.extendedKeyUsages == [purpose] else { throw .extendedKeyUsage(wanted: purpose) }
        guard leaf.isForSignaturesOnly else { throw .keyUsage }
        guard leaf.hasP256Key else { throw .keyIsNotP256 }
        guard leaf.isSignedWithECDSAAndSHA256 else { throw .signatureAlgorithm }
    }
}

package enum ProfileViolation: Error, Hashable, Sendable, CustomStringConvertible {
    case notIssuedDirectly
    case version(Int)
    case notAnEndEntity
    case extendedKeyUsage(wanted: Certificate.Purpose)
    case keyUsage
    case keyIsNotP256
    case signatureAlgorithm
    case rootHasNoTrustDomain
    case notOneURI(Int)
    case foreignURI(String, TrustDomain)
    case notTheReceiver

    package var description: String {
        switch self {
        case .notIssuedDirectly: "the certificate is not issued directly by one of the lab's roots"
        case .version(let version): "the certificate is of version \(version), not 3"
        case .notAnEndEntity: "the certificate does not say CA:FALSE"
        case .extendedKeyUsage(wanted: .clientAuthentication): "the certificate is not for client authentication alone"
        case .extendedKeyUsage: "the certificate is not for server authentication alone"
        case .keyUsage: "the certificate's key usage is not digital signature alone"
        case .keyIsNotP256: "the certificate's key is not on the curve P-256"
        case .signatureAlgorithm: "the certificate is not signed with ECDSA and SHA-256"
        case .rootHasNoTrustDomain: "the root certificate states no trust domain"
        case .notOneURI(let count): "the certificate has \(count) URI names instead of one"
        case .foreignURI(let uri, let domain):
            "the certificate's name \(uri) is not a Pi's in the trust domain \(domain)"
        case .notTheReceiver: "the certificate does not carry the name \(LeafProfile.receiverName)"
        }
    }
}
