package import OpenSSL
package import UploadProtocol

/// The lab's own certificate authority: its certificate, its key, and the three kinds of certificate that it makes.
package struct CertificateAuthority: Sendable {
    package let certificate: Certificate
    package let key: PrivateKey
    package let trustDomain: TrustDomain

    /// An authority that exists. Throws if the pair does not match, or if the certificate states no trust domain.
    package init(certificate: Certificate, key: PrivateKey) throws(CertificateAuthorityError) {
        guard certificate.isPaired(with: key) else { throw .keyDoesNotMatch }
        guard let trustDomain = LeafProfile.trustDomain(of: certificate) else { throw .noTrustDomain }
        self.certificate = certificate
        self.key = key
        self.trustDomain = trustDomain
    }

    /// A new authority for `trustDomain`, self-signed, that may sign leaves and nothing else. The default is a new key.
    package init(
        creatingFor trustDomain: TrustDomain, key: PrivateKey? = nil, validity: Validity
    ) throws(OpenSSLError) {
        let key = if let key { key } else { try PrivateKey() }
        let template = CertificateTemplate(
            // A common name has at most 64 characters (RFC 5280, appendix A.1).
            commonName: String("\(trustDomain) certificate authority".prefix(64)),
            notBefore: validity.notBefore, notAfter: validity.notAfter,
            extensions: [
                .basicConstraints("critical,CA:TRUE,pathlen:0"),
                .keyUsage("critical,keyCertSign"),
                .subjectKeyIdentifier,
                .subjectAlternativeNames(["URI:\(trustDomain.uri)"]),
            ])
        self.certificate = try template.certificate(for: key, issuer: nil)
        self.key = key
        self.trustDomain = trustDomain
    }

    /// A Pi's certificate.
    package func certificate(
        for key: PrivateKey, pi: PiName, validity: Validity
    ) throws(OpenSSLError) -> Certificate {
        try leaf(
            commonName: pi.text, names: ["URI:\(trustDomain.uri(of: pi))"], usage: "clientAuth", key: key,
            validity: validity)
    }

    /// The receiver's certificate, for `secure-receiver` and every name and address of `hosts`.
    package func receiverCertificate(
        for key: PrivateKey, hosts: [HostName], validity: Validity
    ) throws(OpenSSLError) -> Certificate {
        let names = hosts.map { host in
            switch host {
            case .name(let name): "DNS:\(name)"
            case .address(let address): "IP:\(address)"
            }
        }
        return try leaf(
            commonName: LeafProfile.receiverName, names: ["DNS:\(LeafProfile.receiverName)"] + names,
            usage: "serverAuth", key: key, validity: validity)
    }

    private func leaf(
        commonName: String, names: [String], usage: String, key: PrivateKey, validity: Validity
    ) throws(OpenSSLError) -> Certificate {
        let template = CertificateTemplate(
            commonName: commonName,
            notBefore: validity.notBefore,
            notAfter: min(validity.notAfter, certificate.notAfter ?? validity.notAfter),
            extensions: [
                .basicConstraints("critical,CA:FALSE"),
                .keyUsage("critical,digitalSignature"),
                .extendedKeyUsage(usage),
                .subjectKeyIdentifier,
                .authorityKeyIdentifier,
                .subjectAlternativeNames(names),
            ])
        return try template.certificate(for: key, issuer: .init(certificate: certificate, key: self.key))
    }
}

package enum CertificateAuthorityError: Error, Hashable, Sendable, CustomStringConvertible {
    case keyDoesNotMatch
    case noTrustDomain

    package var description: String {
        switch self {
        case .keyDoesNotMatch: "the authority's key does not belong to its certificate"
        case .noTrustDomain: "the authority's certificate states no trust domain"
        }
    }
}
