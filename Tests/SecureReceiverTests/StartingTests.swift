import CertificateAuthority
import CommandSupport
import Foundation
import Logging
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("A receiver does not start")
struct StartingTests {
    private static let now = Int64(Date().timeIntervalSince1970)

    @Test("with a certificate that no sender would accept, and says why", arguments: certificates)
    func refusesCertificate(case test: ClientCertificateTests.Case) throws {
        let lab = try TestLab()
        let folder = try TemporaryFolder()
        try folder.write(test.identity(lab).pem(), to: "server.pem")
        try folder.write(Array(lab.authority.certificate.pem.utf8), to: "ca.pem")
        let failure = #expect(throws: CommandFailure.self) {
            try Credentials(certificateFile: folder("server.pem"), keyFile: nil, rootsFile: folder("ca.pem"))
        }
        #expect(failure?.message == "\(folder("server.pem")) cannot be used")
        #expect(failure?.reason?.contains("no sender would accept it") == true)
        #expect(failure?.exitCode == .configuration)
    }

    @Test("with a certificate that has ended, or begins tomorrow, and says what to do about that")
    func wrongPeriod() throws {
        let lab = try TestLab()
        let folder = try TemporaryFolder()
        try folder.write(Array(lab.authority.certificate.pem.utf8), to: "ca.pem")
        for (validity, way) in [
            (Validity(notBefore: Self.now - 7200, notAfter: Self.now - 3600), "provision renew --server"),
            (Validity(notBefore: Self.now + 3600, notAfter: Self.now + 7200), "set the clock right"),
        ] {
            let identity = try lab.leaf(
                names: ["DNS:secure-receiver"], extendedKeyUsage: "serverAuth", validity: validity)
            try folder.write(identity.pem(), to: "server.pem")
            do {
                _ = try Credentials(certificateFile: folder("server.pem"), keyFile: nil, rootsFile: folder("ca.pem"))
                Issue.record("a receiver that no sender accepts")
            } catch {
                #expect(error.hint?.contains(way) == true, "\(error)")
            }
        }
    }

    static let certificates: [ClientCertificateTests.Case] = [
        .init("of a Pi") { try $0.pi("pi-01") },
        .init("of another authority") { _ in try TestLab().receiver() },
        .init("without the name secure-receiver") {
            try $0.leaf(names: ["DNS:localhost"], extendedKeyUsage: "serverAuth")
        },
        .init("that has expired") {
            try $0.leaf(
                names: ["DNS:secure-receiver"], extendedKeyUsage: "serverAuth",
                validity: Validity(notBefore: now - 7200, notAfter: now - 3600))
        },
    ]

    @Test("without ids.txt, received_files, or a usable certificate: the program says so with its exit code")
    func saysWhatIsMissing() async throws {
        let lab = try TestLab()
        let folder = try TemporaryFolder()
        func run() async throws -> Program.Outcome {
            try await Program.run(
                "secure-receiver", ["--cert", "certs/server.pem", "--listen", "127.0.0.1", "--port", "0"],
                in: folder.path)
        }
        var outcome = try await run()
        #expect(outcome.errors.hasPrefix("Error finding files and folders: cannot"), "\(outcome.errors)")
        #expect(outcome.exitCode == 78)

        try folder.write(Array("0123456789abcdef pi-01\n".utf8), to: "ids.txt")
        outcome = try await run()
        #expect(outcome.errors.hasPrefix("Error finding files and folders: cannot"), "\(outcome.errors)")
        #expect(outcome.errors.contains("received_files"))
        #expect(outcome.exitCode == 78)

        try FileManager.default.createDirectory(atPath: folder("received_files"), withIntermediateDirectories: true)
        outcome = try await run()
        #expect(outcome.errors.hasPrefix("certs/server.pem cannot be used: "), "\(outcome.errors)")
        #expect(outcome.exitCode == 78)

        try folder.write(lab.receiver().pem(), to: "certs/server.pem")
        outcome = try await run()
        #expect(outcome.errors.hasPrefix("certs/ca.pem cannot be used: "), "\(outcome.errors)")

        try FileManager.default.removeItem(atPath: folder("received_files/.receiver"))
        try folder.write(Array("no folder".utf8), to: "received_files/.receiver")
        outcome = try await run()
        #expect(
            outcome.errors.hasPrefix("received_files cannot be used: received_files/.receiver is not the folder"),
            "\(outcome.errors)")
        #expect(outcome.errors.contains("move it away"))
        #expect(outcome.exitCode == 78)

        try folder.write(Array("no secret\n".utf8), to: "ids.txt")
        outcome = try await run()
        #expect(outcome.errors.hasPrefix("ids.txt cannot be used: line 1 "), "\(outcome.errors)")
        #expect(outcome.exitCode == 78)
    }
}
