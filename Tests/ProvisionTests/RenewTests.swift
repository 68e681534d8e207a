import CertificateAuthority
import CommandSupport
import Files
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("provision renew")
struct RenewTests {
    let lab: TestDeployment
    private let year: Int64 = 365 * 86_400

    init() throws {
        lab = try TestDeployment()
        try lab.newPi("north")
    }

    @Test("gives a Pi a later certificate for the same key, and a fresh bundle with the same secret")
    func pi() async throws {
        let old = try lab.certificate("pis/north/pi.pem")
        let key = try PrivateKey(pem: SecureBytes(copyOf: lab.folder.read("pis/north/pi.pem")))
        let before = try lab.contents()
        try lab.renew(.pis([PiName("north")!]), now: TestDeployment.now + year)
        let new = try lab.certificate("pis/north/pi.pem")
        #expect(new.notAfter == old.notAfter.map { $0 + year })
        #expect(new.isPaired(with: key) && new.fingerprint != old.fingerprint)
        #expect(new.subjectAlternativeNames == old.subjectAlternativeNames)
        let after = try lab.contents()
        let changed = after.keys.filter { after[$0] != before[$0] }.sorted()
        #expect(changed == ["pis/north.tar.gz", "pis/north/pi.pem"])
        for (name, bytes) in try await lab.unpacked("north") { #expect(after["pis/\(name)"] == bytes, "\(name)") }
        for name in ["pis/north.tar.gz"] + PiIdentity.files.map({ "pis/north/\($0)" }) {
            #expect(try lab.mode(name) == 0o600, "\(name)")
        }
        try lab.expectWhole()
        #expect(lab.said.contains("  provision bundle north --install pi@north.local"))
    }

    @Test("connects as before, whichever side has its new certificate yet, with the old key or a new one")
    func connects() throws {
        let (oldPi, oldReceiver) = (try Side("north", of: lab), try Side(receiverOf: lab))
        for newKey in [false, true] {
            try lab.renew(.all, newKey: newKey)
            let (newPi, newReceiver) = (try Side("north", of: lab), try Side(receiverOf: lab))
            for pi in [oldPi, newPi] {
                for receiver in [oldReceiver, newReceiver] { try connect(receiver: receiver, pi: pi) }
            }
        }
        #expect(throws: OpenSSLError.self, "another key") {
            _ = try TLSContext(
                TLSConfiguration(
                    role: .client, certificateChain: [lab.certificate("pis/north/pi.pem")],
                    privateKey: PrivateKey(pem: SecureBytes(copyOf: oldPi.pem)), trustRoots: [],
                    peerPolicy: { _ in .accept }))
        }
    }

    @Test("keeps what else somebody put into the Pi's folder")
    func foreignFiles() throws {
        try lab.folder.write([1], to: "pis/north/notes.txt")
        try lab.renew(.pis([PiName("north")!]))
        #expect(try lab.folder.read("pis/north/notes.txt") == [1])
    }

    @Test("reads the tar where the folder was not kept")
    func tarOnly() throws {
        let pem = try lab.folder.read("pis/north/pi.pem")
        try removeTree(lab.folder("pis/north"))
        try lab.renew(.pis([PiName("north")!]))
        try lab.expectWhole()
        #expect(try lab.certificate("pis/north/pi.pem").isPaired(with: PrivateKey(pem: SecureBytes(copyOf: pem))))
    }

    @Test("needs a new key where nothing was kept, and uses the secret of ids.txt")
    func nothingKept() throws {
        try removeTree(lab.folder("pis/north"))
        try removeTree(lab.folder("pis/north.tar.gz"))
        let failure = try lab.refusal { try lab.renew(.pis([PiName("north")!])) }
        #expect(failure.message == "the key of north is not kept here")
        #expect(failure.hint?.contains("provision renew north --new-key") == true)
        try lab.renew(.pis([PiName("north")!]), newKey: true)
        try lab.expectWhole()
        try connect(receiver: Side(receiverOf: lab), pi: Side("north", of: lab))
    }

    @Test("makes a new key where the kept one is damaged, and uses the secret of ids.txt")
    func damagedKey() throws {
        try lab.folder.write([1], to: "pis/north/pi.pem")
        try lab.renew(.pis([PiName("north")!]), newKey: true)
        try lab.expectWhole()
        try connect(receiver: Side(receiverOf: lab), pi: Side("north", of: lab))
    }

    @Test(
        "refuses a Pi that does not exist, that is shut out, or whose files are damaged, and renews none of the others")
    func refusals() throws {
        try lab.newPi("south")
        let both = ["south", "north"].map { PiName($0)! }
        #expect(try lab.refusal { try lab.renew(.pis([both[0], PiName("x")!])) }.message == "there is no Pi x")
        let pem = try lab.folder.read("pis/north/pi.pem")
        try lab.folder.write(pem.prefix(300), to: "pis/north/pi.pem")
        let damaged = try lab.refusal { try lab.renew(.pis(both)) }
        #expect(damaged.message == "\(lab.folder("pis/north/pi.pem")) cannot be used")
        #expect(damaged.exitCode == .dataError)
        #expect(damaged.hint?.hasSuffix("provision renew north --new-key") == true)
        try lab.folder.write(lab.folder.read("pis/south/pi.pem"), to: "pis/north/pi.pem")
        #expect(
            try lab.refusal { try lab.renew(.pis(both)) }.reason == "it is not the certificate of north")
        try lab.folder.write(pem, to: "pis/north/pi.pem")
        try lab.folder.write("secret=''\n".utf8, to: "pis/north/secret.py")
        #expect(try lab.refusal { try lab.renew(.pis(both)) }.reason?.hasPrefix("there is no line secret=") == true)
        try lab.folder.write("secret='00000000000000aa'\n".utf8, to: "pis/north/secret.py")
        #expect(try lab.refusal { try lab.renew(.pis(both)) }.message == "north is shut out")
        try lab.removeLine(of: "north")
        let shutOut = try lab.refusal { try lab.renew(.pis(both)) }
        #expect(shutOut.message == "north is shut out" && shutOut.exitCode == .dataError)
        #expect(!shutOut.description.contains("00000000000000aa"))
    }

    @Test("of all renews those that are due, leaves out who is shut out, and tells who could not be renewed")
    func all() throws {
        for name in ["short", "stolen", "gone"] { try lab.newPi(name, wishes: CertificateWishes(days: 20)) }
        try lab.removeLine(of: "stolen")
        for name in ["pis/gone", "pis/gone.tar.gz"] { try removeTree(lab.folder(name)) }
        let before = try lab.contents()
        let failure = try failure(CommandFailure.self) { try lab.renew(.all, within: 30) }
        #expect(failure.message == "not renewed: gone")
        #expect(failure.exitCode == .temporaryFailure)
        let after = try lab.contents()
        #expect(after.keys.filter { after[$0] != before[$0] }.sorted() == ["pis/short.tar.gz", "pis/short/pi.pem"])
        try lab.removeLine(of: "gone")
        try lab.renew(.all, within: 30)
        #expect(try lab.contents()["pis/short/pi.pem"] == after["pis/short/pi.pem"], "not due any more")
        try lab.renew(.all)
        for name in ["pis/short/pi.pem", "pis/north/pi.pem", "certs/server.pem"] {
            #expect(try lab.contents()[name] != after[name], "\(name)")
        }
        #expect(try lab.contents()["pis/stolen/pi.pem"] == after["pis/stolen/pi.pem"])
    }

    @Test("gives the receiver a new certificate with its old names, today's and those wished; all copies stay")
    func receiver() throws {
        #expect(unlink(lab.folder("certs/server.pem")) == 0)
        try lab.newPi("south", wishes: CertificateWishes(hosts: ["old.example", "10.9.9.9"].map { HostName($0)! }))
        let old = try lab.certificate("certs/server.pem")
        let copies = try Set(namesInFolder(lab.folder("certs/receiver")))
        try lab.renew(.receiver, hosts: ["new.example", "fd00::9"])
        let new = try lab.certificate("certs/server.pem")
        for name in ["secure-receiver", "localhost", "old.example", "new.example"] {
            #expect(new.carries(dnsName: name), "\(name)")
        }
        for address in ["127.0.0.1", "::1", "10.9.9.9", "fd00::9"] { #expect(new.carries(address: address)) }
        #expect(Set(new.subjectAlternativeNames).count == new.subjectAlternativeNames.count, "no name twice")
        #expect(new.subjectAlternativeNames.starts(with: old.subjectAlternativeNames))
        #expect(try lab.mode("certs/server.pem") == 0o600)
        #expect(new.isPaired(with: try PrivateKey(pem: SecureBytes(copyOf: lab.folder.read("certs/server.pem")))))
        #expect(
            try Set(namesInFolder(lab.folder("certs/receiver"))) == copies.union(["\(new.fingerprint).pem"]))
        #expect(try lab.roots("certs/receiver/\(new.fingerprint).pem") == [new.fingerprint])
        #expect(try !namesInFolder(lab.folder("certs")).contains { $0.hasPrefix(".change") })
    }

    @Test("keeps server.pem its owner, and its group's right to read it if somebody gave that")
    func ownership() throws {
        let path = lab.folder("certs/server.pem")
        #expect(chmod(path, 0o644) == 0)
        // Only root may give files away; for others the owner is their own anyway.
        if getuid() == 0 { #expect(chown(path, 12345, 23456) == 0) }
        let before = try #require(try fileStatus(path))
        try lab.renew(.receiver)
        let after = try #require(try fileStatus(path))
        #expect((after.st_uid, after.st_gid) == (before.st_uid, before.st_gid))
        #expect(after.permissions == 0o640, "nothing for others")
    }

    @Test("of the receiver that is not due does nothing, unless a wished name is missing")
    func receiverNotDue() throws {
        let before = try lab.contents()
        try lab.renew(.receiver, within: 30)
        try lab.renew(.receiver, within: 30, hosts: ["localhost", "127.0.0.1"])
        #expect(try lab.contents() == before)
        try lab.renew(.receiver, within: 30, hosts: ["new.example"])
        #expect(try lab.certificate("certs/server.pem").carries(dnsName: "new.example"))
    }

    @Test("makes the receiver's file anew where it is damaged or missing, with what names can still be read")
    func damagedReceiver() throws {
        try lab.renew(.receiver, hosts: ["old.example"])
        let pem = try lab.folder.read("certs/server.pem")
        let certificate = Array(try lab.certificate("certs/server.pem").pem.utf8)
        let key = try PrivateKey(pem: SecureBytes(copyOf: pem))
        for (text, keepsName) in [(certificate, true), (Array(pem.suffix(100)), false), ([], false)] {
            try lab.folder.write(text, to: "certs/server.pem")
            try lab.renew(.receiver, within: 30)
            let new = try lab.certificate("certs/server.pem")
            #expect(!new.isPaired(with: key) && new.carries(dnsName: "localhost"))
            #expect(new.carries(dnsName: "old.example") == keepsName)
            try connect(receiver: Side(receiverOf: lab), pi: Side("north", of: lab))
        }
        #expect(unlink(lab.folder("certs/server.pem")) == 0)
        try lab.renew(.receiver)
        try connect(receiver: Side(receiverOf: lab), pi: Side("north", of: lab))
    }

    @Test("refuses a folder that is no deployment, and one without its authority's key")
    func noDeployment() throws {
        let empty = try TestDeployment()
        #expect(try empty.refusal { try empty.renew(.all) }.message.hasSuffix("ids.txt is missing"))
        #expect(try namesInFolder(empty.folder.path) == [])
        #expect(unlink(lab.folder("certs/ca.key")) == 0)
        #expect(try lab.refusal { try lab.renew(.all) }.hint?.contains("kept elsewhere") == true)
    }

    @Test("says that the authority ends, renews up to its end, and nothing after it")
    func authorityEnds() throws {
        try lab.renew(.all, now: TestDeployment.now + 20 * year)
        #expect(lab.said.contains { $0.contains("For a new one: provision renew --ca") })
        let end = try lab.certificate("certs/ca.pem").notAfter
        #expect(try lab.certificate("pis/north/pi.pem").notAfter == end)
        #expect(try lab.certificate("certs/server.pem").notAfter == end)
        let late = try lab.refusal { try lab.renew(.all, now: TestDeployment.now + 26 * year) }
        #expect(late.message.hasPrefix("the certificate authority ended on "))
        #expect(try lab.refusal { try lab.renew(.all, now: 3600) }.message == "this computer's clock says 1970-01-01")
    }

    @Test("makes certificates that last as long as wished")
    func days() throws {
        try lab.renew(.all, days: 90)
        for name in ["pis/north/pi.pem", "certs/server.pem"] {
            let certificate = try lab.certificate(name)
            #expect(try #require(certificate.notAfter) - #require(certificate.notBefore) == 90 * 86_400)
        }
    }
}
