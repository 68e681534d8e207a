import CertificateAuthority
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@Suite("A certificate authority")
struct CertificateAuthorityTests {
    private let now: Int64 = 1_800_000_000

    private func authority(_ domain: String = "test-lab", days: Int = 1000) throws -> CertificateAuthority {
        try CertificateAuthority(creatingFor: TrustDomain(domain)!, validity: Validity(now: now, days: days))
    }

    @Test("signs itself and states its trust domain")
    func itself() throws {
        let authority = try authority()
        #expect(authority.certificate.authority == .certificateAuthority)
        #expect(authority.certificate.version == 3)
        #expect(authority.certificate.subjectAlternativeNames == [.uri("spiffe://test-lab")])
        #expect(LeafProfile.trustDomain(of: authority.certificate) == TrustDomain("test-lab"))
    }

    @Test("is made for the longest trust domain too")
    func longDomain() throws {
        let domain = String(repeating: "d", count: 255)
        #expect(try authority(domain).trustDomain.text == domain)
    }

    @Test("is made for a key that exists, and read again from its certificate and key")
    func again() throws {
        let key = try PrivateKey()
        let made = try CertificateAuthority(
            creatingFor: TrustDomain("test-lab")!, key: key, validity: Validity(now: now, days: 10))
        #expect(made.certificate.isPaired(with: key))
        let read = try CertificateAuthority(certificate: made.certificate, key: key)
        #expect(read.trustDomain == made.trustDomain)
    }

    @Test("refuses another's key, and a certificate that states no trust domain")
    func refusals() throws {
        let authority = try authority()
        #expect(throws: CertificateAuthorityError.keyDoesNotMatch) {
            try CertificateAuthority(certificate: authority.certificate, key: PrivateKey())
        }
        let pi = try TestLab().pi("pi-01")
        #expect(throws: CertificateAuthorityError.noTrustDomain) {
            try CertificateAuthority(certificate: pi.certificate, key: pi.key)
        }
    }

    @Test("gives a Pi one URI name and the client's usage alone")
    func pi() throws {
        let certificate = try authority().certificate(
            for: PrivateKey(), pi: PiName("pi-01")!, validity: Validity(now: now, days: 10))
        #expect(certificate.subjectAlternativeNames == [.uri("spiffe://test-lab/pi/pi-01")])
        #expect(certificate.extendedKeyUsages == [.clientAuthentication])
        #expect(certificate.authority == .endEntity)
        #expect(certificate.isForSignaturesOnly && certificate.hasP256Key && certificate.isSignedWithECDSAAndSHA256)
        #expect(certificate.notBefore == now - 172_800)
        #expect(certificate.notAfter == now - 172_800 + 864_000)
    }

    @Test("gives the receiver its fixed name, its hosts and the server's usage alone")
    func receiver() throws {
        let hosts = ["lab.example", "10.0.0.5", "fd00::5"].map { HostName($0)! }
        let certificate = try authority().receiverCertificate(
            for: PrivateKey(), hosts: hosts, validity: Validity(now: now, days: 10))
        #expect(
            certificate.subjectAlternativeNames == [
                .dns("secure-receiver"), .dns("lab.example"), .address("10.0.0.5"), .address("fd00::5"),
            ])
        #expect(certificate.carries(dnsName: "secure-receiver") && certificate.carries(dnsName: "lab.example"))
        #expect(certificate.carries(address: "10.0.0.5") && certificate.carries(address: "fd00:0::5"))
        #expect(!certificate.carries(dnsName: "lab") && !certificate.carries(address: "10.0.0.6"))
        #expect(certificate.extendedKeyUsages == [.serverAuthentication])
    }

    @Test("is told from another of the same name by its signature")
    func signature() throws {
        let one = try authority()
        let other = try authority()
        let certificate = try one.certificate(
            for: PrivateKey(), pi: PiName("pi-01")!, validity: Validity(now: now, days: 10))
        #expect(certificate.isSigned(by: one.certificate) && !certificate.isSigned(by: other.certificate))
        #expect(one.certificate.isSigned(by: one.certificate) && !one.certificate.isSigned(by: certificate))
    }

    @Test("lets no leaf outlive it")
    func clipped() throws {
        let authority = try authority(days: 5)
        let certificate = try authority.certificate(
            for: PrivateKey(), pi: PiName("pi-01")!, validity: Validity(now: now, days: 10))
        #expect(certificate.notAfter == authority.certificate.notAfter)
    }
}
