package import CertificateAuthority
import Foundation
package import OpenSSL
import UploadProtocol

/// A lab made for one test: an authority and what it issues. Keys are made by code, never stored.
package struct TestLab: Sendable {
    package let authority: CertificateAuthority
    package let validity: Validity

    package init(trustDomain: String = "test-lab") throws {
        let now = Int64(Date().timeIntervalSince1970)
        validity = Validity(now: now, days: 45)
        authority = try CertificateAuthority(
            creatingFor: TrustDomain(trustDomain)!, validity: Validity(now: now, days: 60))
    }

    package struct Identity: Sendable {
        package let certificate: Certificate
        package let key: PrivateKey

        package init(certificate: Certificate, key: PrivateKey) {
            self.certificate = certificate
            self.key = key
        }

        /// Certificate and key in one PEM text.
        package func pem() throws -> [UInt8] {
            Array(try certificate.pem.utf8) + (try key.pem()).withUnsafeBytes(Array.init)
        }
    }

    package func pi(_ name: String) throws -> Identity {
        let key = try PrivateKey()
        let certificate = try authority.certificate(for: key, pi: PiName(name)!, validity: validity)
        return Identity(certificate: certificate, key: key)
    }

    package func receiver(hosts: [String] = ["localhost", "127.0.0.1"]) throws -> Identity {
        let key = try PrivateKey()
        let certificate = try authority.receiverCertificate(
            for: key, hosts: hosts.map { HostName($0)! }, validity: validity)
        return Identity(certificate: certificate, key: key)
    }

    /// A leaf of our authority whose fields a test chooses: the way to a certificate that must be refused.
    package func leaf(
        names: [String], extendedKeyUsage: String? = "clientAuth", basicConstraints: String = "critical,CA:FALSE",
        keyUsage: String = "critical,digitalSignature", validity: Validity? = nil
    ) throws -> Identity {
        let key = try PrivateKey()
        let validity = validity ?? self.validity
        var extensions: [CertificateExtension] = [
            .basicConstraints(basicConstraints), .keyUsage(keyUsage), .subjectKeyIdentifier, .authorityKeyIdentifier,
            .subjectAlternativeNames(names),
        ]
        if let extendedKeyUsage { extensions.append(.extendedKeyUsage(extendedKeyUsage)) }
        let template = CertificateTemplate(
            commonName: "a test's leaf", notBefore: validity.notBefore, notAfter: validity.notAfter,
            extensions: extensions)
        let certificate = try template.certificate(
            for: key, issuer: .init(certificate: authority.certificate, key: authority.key))
        return Identity(certificate: certificate, key: key)
    }
}
