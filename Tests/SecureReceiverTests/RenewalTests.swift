import CertificateAuthority
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("A renewed certificate of the receiver")
struct RenewalTests {
    @Test("is shown to new connections without a restart, while an open one goes on with the old")
    func isTakenUp() async throws {
        try await RunningReceiver.run { receiver in
            let new = try receiver.lab.receiver()
            let folder = receiver.folder
            let (first, second) = try await receiver.connected { old in
                try old.send(receiver.request(path: "1").bytes)
                _ = try old.response()
                try folder.write(new.pem(), to: "certs/server.pem.new")
                rename(folder("certs/server.pem.new"), folder("certs/server.pem"))
                let context = try receiver.context(receiver.lab.pi("pi-02"))
                let fresh = try RawClient(port: receiver.port, context: context)
                try fresh.send(receiver.request(pi: "pi-02", path: "2").bytes)
                let answer = try fresh.response()
                try old.send(receiver.request(path: "3").bytes)
                return ((fresh.serverCertificate, answer), (old.serverCertificate, try old.response()))
            }
            let fingerprint = new.certificate.fingerprint
            #expect(first.0?.fingerprint == fingerprint)
            #expect(first.1.fields["signature-input"]?.contains(fingerprint.hex) == true)
            // A receipt is signed with the certificate that the connection was begun with.
            let old = try #require(second.0?.fingerprint)
            #expect(old != fingerprint)
            #expect(second.1.fields["signature-input"]?.contains(old.hex) == true)
            let kept = folder.files(below: "certs/receiver")
            #expect(kept == [old, fingerprint].map { "\($0).pem" }.sorted())
        }
    }

    @Test(
        "that cannot be used changes nothing: the old one still counts, and the log says so",
        arguments: ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "only the certificate"])
    func isAllOrNothing(text: String) async throws {
        try await RunningReceiver.run { receiver in
            let renewed = try receiver.lab.receiver().certificate.pem
            // In the old one's place: a file that is emptied where it lies is given a second to be filled.
            try receiver.folder.write(
                Array((text == "only the certificate" ? renewed : text).utf8), to: "certs/new.pem")
            #expect(rename(receiver.folder("certs/new.pem"), receiver.folder("certs/server.pem")) == 0)
            #expect(try await receiver.answer(to: receiver.request()).status == 201)
            #expect(receiver.log.lines.contains { $0.hasPrefix("error credentials unusable") })
        }
    }

    @Test("of the authority lets the Pis of both in until the old root is taken out")
    func rollsOver() async throws {
        try await RunningReceiver.run { receiver in
            let other = try TestLab()
            let roots = [receiver.lab, other].map { lab in lab.authority.certificate }
            let context = try receiver.context(other.pi("pi-02"))
            let refused = await #expect(throws: TLSError.self) {
                try await blocking { try RawClient(port: receiver.port, context: context).response() }
            }
            #expect(refused?.concernsIdentity == true)

            try receiver.folder.write(Array(roots.map { try $0.pem }.joined().utf8), to: "certs/ca.pem")
            let answer = try await blocking {
                let client = try RawClient(port: receiver.port, context: context)
                try client.send(receiver.request(pi: "pi-02").bytes)
                return try client.response()
            }
            #expect(answer.status == 201)
            #expect(try await receiver.answer(to: receiver.request()).status == 201)
        }
    }
}
