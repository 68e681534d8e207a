import CertificateAuthority
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("A client certificate")
struct ClientCertificateTests {
    /// A way to a certificate that must be refused, or to none.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let identity: @Sendable (TestLab) throws -> TestLab.Identity

        init(_ description: String, _ identity: @escaping @Sendable (TestLab) throws -> TestLab.Identity) {
            testDescription = description
            self.identity = identity
        }
    }

    private static let pi = "URI:spiffe://test-lab/pi/pi-01"
    private static let now = Int64(Date().timeIntervalSince1970)

    static let refused: [Case] = [
        Case("of another authority") { _ in try TestLab().pi("pi-01") },
        Case("that signs itself") { lab in
            let key = try PrivateKey()
            let template = CertificateTemplate(
                commonName: "pi-01", notBefore: now - 60, notAfter: now + 3600,
                extensions: [
                    .basicConstraints("critical,CA:FALSE"), .keyUsage("critical,digitalSignature"),
                    .extendedKeyUsage("clientAuth"), .subjectKeyIdentifier, .subjectAlternativeNames([pi]),
                ])
            return TestLab.Identity(certificate: try template.certificate(for: key, issuer: nil), key: key)
        },
        Case("that has expired") {
            try $0.leaf(names: [pi], validity: Validity(notBefore: now - 7200, notAfter: now - 3600))
        },
        Case("that is not valid yet") {
            try $0.leaf(names: [pi], validity: Validity(notBefore: now + 3600, notAfter: now + 7200))
        },
        Case("of a receiver") { try $0.receiver() },
        Case("with a server's usage and a Pi's name") { try $0.leaf(names: [pi], extendedKeyUsage: "serverAuth") },
        Case("for both usages") { try $0.leaf(names: [pi], extendedKeyUsage: "clientAuth,serverAuth") },
        Case("for any usage") { try $0.leaf(names: [pi], extendedKeyUsage: "anyExtendedKeyUsage") },
        Case("without an extended key usage") { try $0.leaf(names: [pi], extendedKeyUsage: nil) },
        Case("that is an authority") {
            try $0.leaf(
                names: [pi], basicConstraints: "critical,CA:TRUE", keyUsage: "critical,digitalSignature,keyCertSign")
        },
        Case("with another key usage") { try $0.leaf(names: [pi], keyUsage: "critical,digitalSignature,keyAgreement") },
        Case("with two URI names") { try $0.leaf(names: [pi, "URI:spiffe://test-lab/pi/pi-02"]) },
        Case("without a URI name") { try $0.leaf(names: ["DNS:pi-01"]) },
        Case("of another trust domain") { try $0.leaf(names: ["URI:spiffe://other-lab/pi/pi-01"]) },
        Case("of another kind of URI") { try $0.leaf(names: ["URI:spiffe://test-lab/printer/pi-01"]) },
        Case("with a name that is no label") { try $0.leaf(names: ["URI:spiffe://test-lab/pi/Pi_01"]) },
    ]

    @Test("is refused by an alert in the handshake, and nothing is stored", arguments: refused)
    func isRefused(case test: Case) async throws {
        try await RunningReceiver.run { receiver in
            let context = try receiver.context(test.identity(receiver.lab))
            let request = receiver.request()
            let error = try await blocking { () -> TLSError? in
                do {
                    let client = try RawClient(port: receiver.port, context: context)
                    try client.send(request.bytes)
                    let answer = try client.response()
                    Issue.record("the receiver answered \(answer.status)")
                } catch let error as TLSError {
                    return error
                }
                return nil
            }
            guard case .alertReceived = error else {
                Issue.record("no alert arrived but \(String(describing: error))")
                return
            }
            #expect(error?.concernsIdentity == true)
            #expect(receiver.stored.isEmpty)
        }
    }

    @Test("is demanded: without one there is an alert and no answer")
    func isDemanded() async throws {
        try await RunningReceiver.run { receiver in
            // Our own client always has a certificate; openssl's needs none.
            let outcome = try await Program.run(
                "/usr/bin/openssl",
                [
                    "s_client", "-connect", "127.0.0.1:\(receiver.port)", "-tls1_3", "-CAfile",
                    receiver.folder("certs/ca.pem"), "-ign_eof",
                ])
            #expect(outcome.errors.contains("certificate required"), "\(outcome.errors)")
            #expect(receiver.log.lines.contains { $0.contains("presented no certificate") })
        }
    }

    @Test("is asked for at every connection: there is no session to resume, no ticket and no early data")
    func isNeverSkipped() async throws {
        try await RunningReceiver.run { receiver in
            let pi = try receiver.lab.pi("pi-01")
            try receiver.folder.write(try pi.pem(), to: "pi.pem")
            let outcome = try await Program.run(
                "/usr/bin/openssl",
                [
                    "s_client", "-connect", "127.0.0.1:\(receiver.port)", "-tls1_3", "-CAfile",
                    receiver.folder("certs/ca.pem"), "-cert", receiver.folder("pi.pem"), "-key",
                    receiver.folder("pi.pem"),
                    "-reconnect",
                ])
            #expect(!outcome.output.contains("New Session Ticket"))
            #expect(!outcome.output.contains("Reused,"))
            #expect(outcome.output.contains("Verify return code: 0 (ok)"))
        }
    }

    @Test("lets its Pi in, and the receiver greets it by name")
    func isAccepted() async throws {
        try await RunningReceiver.run { receiver in
            let (get, head) = try await receiver.connected { client in
                try client.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                let get = try client.response()
                // An answer to HEAD states the length of a body that does not follow.
                try client.send(Array("GET /v1/none HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                return (get, try client.headers())
            }
            #expect(get.status == 200)
            #expect(get.text.contains("pi-01"))
            #expect(head.status == 200)
            #expect(head.fields["content-length"] == String(get.body.count))
        }
    }
}
