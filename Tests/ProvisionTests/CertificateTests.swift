import CertificateAuthority
import CommandSupport
import Files
import Glibc
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("Certificates in a deployment")
struct CertificateTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
    }

    private func certificate(_ name: String) throws -> Certificate {
        try #require(try Certificate.all(inPEM: lab.folder.read(name)).first)
    }

    @Test("are accepted by openssl verify -x509_strict, each for its purpose and no other")
    func strict() async throws {
        try lab.newPi(wishes: CertificateWishes(hosts: [HostName("10.0.0.5")!, HostName("lab.example")!]))
        let cases = [
            ("certs/ca.pem", "any", true), ("certs/server.pem", "sslserver", true),
            ("certs/server.pem", "sslclient", false),
            ("pis/pi-01/pi.pem", "sslclient", true), ("pis/pi-01/pi.pem", "sslserver", false),
        ]
        for (name, purpose, isAccepted) in cases {
            let outcome = try await Program.run(
                "/usr/bin/env",
                [
                    "openssl", "verify", "-x509_strict", "-check_ss_sig", "-purpose", purpose, "-CAfile",
                    lab.folder("pis/pi-01/ca.pem"), lab.folder(name),
                ])
            #expect((outcome.exitCode == 0) == isAccepted, "\(name) as \(purpose): \(outcome.errors)")
        }
    }

    @Test("let a Pi and the receiver know one another")
    func handshake() throws {
        try lab.newPi("north")
        let (server, client) = try connect(receiver: Side(receiverOf: lab), pi: Side("north", of: lab))
        #expect(try LeafProfile.piName(of: #require(server.peerChain)) == PiName("north"))
        let certificate = try certificate("certs/server.pem")
        #expect(client.peerChain?.leaf.fingerprint == certificate.fingerprint)
    }

    @Test("of another deployment are refused")
    func foreign() throws {
        try lab.newPi("north")
        let other = try TestDeployment()
        try other.newPi("north")
        for roots in [try lab.folder.read("certs/ca.pem"), try other.folder.read("certs/ca.pem")] {
            var pi = try Side("north", of: other)
            pi.roots = roots
            #expect(throws: TLSError.self) { try connect(receiver: Side(receiverOf: lab), pi: pi) }
        }
    }

    @Test("last as long as they should: the authority 25 years, the others 10, or as wished")
    func lifetimes() throws {
        try lab.newPi()
        #expect(try days("certs/ca.pem") == 25 * 365)
        #expect(try days("certs/server.pem") == 3650)
        #expect(try days("pis/pi-01/pi.pem") == 3650)
        try lab.newPi(wishes: CertificateWishes(days: 90))
        #expect(try days("pis/pi-02/pi.pem") == 90)
        #expect(lab.said.contains { $0.contains("--days counted for the certificates made now alone") })
        try lab.newPi(now: TestDeployment.now + 20 * 365 * 86_400)
        #expect(try certificate("pis/pi-03/pi.pem").notAfter == certificate("certs/ca.pem").notAfter)
    }

    @Test("last as long as wished on first use too, even the shortest time")
    func wishedLifetime() throws {
        try lab.newPi(wishes: CertificateWishes(days: Lifetime.days.lowerBound))
        for name in ["certs/server.pem", "pis/pi-01/pi.pem"] {
            #expect(try days(name) == Lifetime.days.lowerBound)
            let end = try #require(try certificate(name).notAfter)
            #expect(end == TestDeployment.now + 86_400, "still a day from now")
        }
        #expect(try days("certs/ca.pem") == 25 * 365)
    }

    /// How many days a certificate counts.
    private func days(_ name: String) throws -> Int64 {
        let certificate = try certificate(name)
        return try (#require(certificate.notAfter) - #require(certificate.notBefore)) / 86_400
    }

    @Test("carry the names of this host and those wished, and the trust domain")
    func names() throws {
        let hosts = ["lab.example", "10.0.0.5", "fd00::5", "localhost", "secure-receiver"].map { HostName($0)! }
        try lab.newPi("north", wishes: CertificateWishes(hosts: hosts, trustDomain: TrustDomain("field.station")))
        let receiver = try certificate("certs/server.pem")
        for name in ["secure-receiver", "localhost", "lab.example"] { #expect(receiver.carries(dnsName: name)) }
        for address in ["127.0.0.1", "::1", "10.0.0.5", "fd00::5"] { #expect(receiver.carries(address: address)) }
        #expect(
            Set(receiver.subjectAlternativeNames.filter { $0 != .other }).count
                == receiver.subjectAlternativeNames.count { $0 != .other }, "no name twice")
        #expect(
            try certificate("pis/north/pi.pem").subjectAlternativeNames == [.uri("spiffe://field.station/pi/north")])
        #expect(lab.said.contains { $0.contains("secure-sender lab.example ") })
    }

    @Test("that are there already make a wish for other ones an error, not something passed over")
    func lateWishes() throws {
        try lab.newPi(wishes: CertificateWishes(hosts: [HostName("lab.example")!]))
        let host = try lab.refusal { try lab.newPi(wishes: CertificateWishes(hosts: [HostName("10.99.0.5")!])) }
        #expect(host.message == "--host 10.99.0.5 does not apply")
        #expect(host.hint?.contains("provision renew --server --host 10.99.0.5") == true)
        #expect(host.exitCode == .usage)
        let domain = try lab.refusal { try lab.newPi(wishes: CertificateWishes(trustDomain: TrustDomain("other"))) }
        #expect(domain.message == "--trust-domain other does not apply")
        #expect(domain.reason == "this folder's authority is for access-lab")
        #expect(domain.exitCode == .usage)
        // The same again is no contradiction.
        try lab.newPi(
            wishes: CertificateWishes(hosts: [HostName("lab.example")!], trustDomain: TrustDomain("access-lab")))
        try lab.expectWhole()
    }

    @Test("of the receiver are made anew once the old file is moved away, and the old copy stays")
    func newReceiver() throws {
        try lab.newPi()
        let old = try certificate("certs/server.pem")
        try moveFileToNewName(lab.folder("certs/server.pem"), lab.folder("server.old"))
        try lab.newPi(wishes: CertificateWishes(hosts: [HostName("lab.example")!]))
        let new = try certificate("certs/server.pem")
        #expect(new.carries(dnsName: "lab.example"))
        #expect(try namesInFolder(lab.folder("certs/receiver")) == [old, new].map { "\($0.fingerprint).pem" }.sorted())
    }
}
