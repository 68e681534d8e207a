import CertificateAuthority
import CommandSupport
import Files
import Glibc
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("The authority's files")
struct AuthorityFilesTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
    }

    @Test("an authority that is missing is not replaced where ids.txt names Pis, but where it holds bare ids")
    func named() throws {
        try lab.folder.write("00000000000000aa north\n".utf8, to: "ids.txt")
        for body in [{ try lab.newPi() }, { try lab.initialize() }] as [() throws -> Void] {
            let failure = try lab.refusal(body)
            #expect(failure.message == "\(lab.folder("certs/ca.pem")) is missing" && failure.exitCode == .configuration)
            #expect(failure.reason?.hasSuffix("ids.txt names Pis") == true)
        }
        try lab.folder.write("00000000000000aa\n".utf8, to: "ids.txt")
        try lab.newPi()
    }

    @Test("without the key are told to be kept elsewhere, and no other authority is made")
    func noKey() throws {
        try lab.newPi()
        #expect(unlink(lab.folder("certs/ca.key")) == 0)
        let failure = try lab.refusal { try lab.newPi() }
        #expect(failure.message == "\(lab.folder("certs/ca.key")) is missing")
        #expect(failure.hint?.contains("kept elsewhere") == true)
        #expect(failure.exitCode == .configuration)
    }

    @Test("without the certificate are not made anew while anything issued is there", arguments: [true, false])
    func noCertificate(hasKey: Bool) throws {
        try lab.newPi()
        #expect(unlink(lab.folder("certs/ca.pem")) == 0)
        if !hasKey { #expect(unlink(lab.folder("certs/ca.key")) == 0) }
        let failure = try lab.refusal { try lab.newPi() }
        #expect(failure.message == "\(lab.folder("certs/ca.pem")) is missing")
        #expect(failure.exitCode == .configuration)
        #expect(unlink(lab.folder("certs/server.pem")) == 0)
        _ = try lab.refusal { try lab.newPi() }
    }

    @Test("of two deployments are refused")
    func mismatch() throws {
        let other = try TestDeployment()
        try lab.newPi()
        try other.newPi()
        try lab.folder.write(other.folder.read("certs/ca.key"), to: "certs/ca.key")
        let failure = try lab.refusal { try lab.newPi() }
        #expect(
            failure.message == "\(lab.folder("certs/ca.key")) does not belong to \(lab.folder("certs/ca.pem"))")
        #expect(failure.exitCode == .configuration)
    }

    @Test("that hold something else are refused", arguments: ["certs/ca.pem", "certs/ca.key"])
    func garbage(name: String) throws {
        try lab.newPi()
        let whole = try lab.folder.read(name)
        for text in [[], Array("not PEM\n".utf8), Array(whole.prefix(whole.count / 2)), [0, 1, 2]] {
            try lab.folder.write(text, to: name)
            let failure = try lab.refusal { try lab.newPi() }
            #expect(failure.message.hasPrefix(lab.folder(name)))
            #expect(failure.exitCode == .dataError)
        }
        #expect(unlink(lab.folder(name)) == 0)
        try makeFolder(lab.folder(name), mode: 0o700)
        #expect(try lab.refusal { try lab.newPi() }.exitCode == .ioError)
    }

    @Test("with a certificate that states no trust domain are refused")
    func noTrustDomain() throws {
        try lab.newPi()
        let pi = try TestLab().pi("pi-01")
        try lab.folder.write(pi.certificate.pem.utf8, to: "certs/ca.pem")
        try lab.folder.write(pi.key.pem().withUnsafeBytes(Array.init), to: "certs/ca.key")
        #expect(try lab.refusal { try lab.newPi() }.exitCode == .configuration)
    }

    @Test("may hold several roots: the one of the key signs, and the Pi trusts all")
    func severalRoots() throws {
        try lab.newPi()
        let roots = Array(try TestLab().authority.certificate.pem.utf8) + (try lab.folder.read("certs/ca.pem"))
        try lab.folder.write(roots, to: "certs/ca.pem")
        try lab.newPi("north")
        #expect(try lab.folder.read("pis/north/ca.pem") == roots)
        let pi = try #require(try Certificate.all(inPEM: lab.folder.read("pis/north/pi.pem")).first)
        #expect(pi.subjectAlternativeNames == [.uri("spiffe://access-lab/pi/north")])
    }

    @Test("are not used after their end, nor with a clock that cannot be right")
    func clock() throws {
        #expect(try lab.refusal { try lab.newPi(now: 3600) }.message == "this computer's clock says 1970-01-01")
        try lab.newPi()
        let later = TestDeployment.now + 26 * 365 * 86_400
        #expect(try lab.refusal { try lab.newPi(now: later) }.message.hasPrefix("the certificate authority ended on "))
        let earlier = TestDeployment.now - 3 * 86_400
        #expect(try lab.refusal { try lab.newPi(now: earlier) }.exitCode == .configuration)
    }
}
