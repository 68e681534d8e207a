import CertificateAuthority
import CommandSupport
import Files
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("A change of the authority")
struct AuthorityChangeTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
        for name in ["north", "south"] { try lab.newPi(name) }
    }

    @Test("locks nobody out at any point: neither Pis that have their new bundle nor those that wait for it")
    func nobodyLockedOut() throws {
        let oldReceiver = try Side(receiverOf: lab)
        let oldPi = try Side("north", of: lab)
        try lab.renew(.authority)
        let bothReceiver = try Side(receiverOf: lab)
        let newPi = try Side("north", of: lab)
        #expect(bothReceiver.pem == oldReceiver.pem, "Pis of the old root must still know it")

        var halfUnpacked = [newPi, newPi]
        halfUnpacked[0].roots = oldPi.roots
        halfUnpacked[1].pem = oldPi.pem
        for pi in [oldPi, newPi] + halfUnpacked { try connect(receiver: bothReceiver, pi: pi) }
        // The receiver may be renewed meanwhile.
        try lab.renew(.receiver)
        for pi in [oldPi, newPi] { try connect(receiver: Side(receiverOf: lab), pi: pi) }

        try lab.renew(.authorityFinish(isCopied: true))
        let newReceiver = try Side(receiverOf: lab)
        let lastPi = try Side("north", of: lab)
        // It may read its two files between their renewals.
        var between = newReceiver
        between.roots = bothReceiver.roots
        for receiver in [between, newReceiver] {
            for pi in [newPi, lastPi] { try connect(receiver: receiver, pi: pi) }
        }
        #expect(throws: TLSError.self) { try connect(receiver: newReceiver, pi: oldPi) }
        #expect(throws: TLSError.self) { try connect(receiver: oldReceiver, pi: lastPi) }
    }

    @Test("has both roots everywhere, then the new one alone, whose key signs from its beginning on")
    func files() async throws {
        let old = try lab.roots("certs/ca.pem")
        let oldKey = try lab.folder.read("certs/ca.key")
        let receiverKey = try PrivateKey(pem: SecureBytes(copyOf: lab.folder.read("certs/server.pem")))
        try lab.renew(.authority)
        let both = try lab.roots("certs/ca.pem")
        #expect(both.count == 2 && both[0] == old[0])
        for name in ["pis/north/ca.pem", "pis/south/ca.pem"] { #expect(try lab.roots(name) == both) }
        #expect(try lab.folder.read("certs/ca.key") == oldKey)
        #expect(try lab.mode("certs/ca.next.key") == 0o600)
        try lab.newPi("east")
        let new = try #require(try Certificate.all(inPEM: lab.folder.read("certs/ca.pem")).last)
        for name in ["north", "south", "east"] {
            #expect(try lab.certificate("pis/\(name)/pi.pem").isSigned(by: new))
        }
        #expect(try !lab.certificate("certs/server.pem").isSigned(by: new))
        try lab.expectWhole()

        try lab.renew(.authorityFinish(isCopied: true))
        #expect(try lab.roots("certs/ca.pem") == [both[1]])
        #expect(try lab.certificate("certs/server.pem").isSigned(by: new))
        #expect(try !lab.certificate("certs/server.pem").isPaired(with: receiverKey), "it may be the stolen one")
        #expect(try PrivateKey(pem: SecureBytes(copyOf: lab.folder.read("certs/ca.key"))).isPair(of: new))
        #expect(try lab.mode("certs/ca.next.key") == nil && lab.mode("certs/ca.key") == 0o600)
        for name in ["north", "south", "east"] {
            #expect(try lab.roots("pis/\(name)/ca.pem") == [both[1]])
            #expect(try await lab.unpacked(name)["\(name)/ca.pem"] == lab.folder.read("certs/ca.pem"))
        }
        try lab.newPi("west")
        try connect(receiver: Side(receiverOf: lab), pi: Side("west", of: lab))
    }

    @Test("has certificates that openssl verify -x509_strict accepts at each step")
    func strict() async throws {
        func verify() async throws {
            for (name, purpose) in [("certs/server.pem", "sslserver"), ("pis/north/pi.pem", "sslclient")] {
                let outcome = try await Program.run(
                    "/usr/bin/env",
                    [
                        "openssl", "verify", "-x509_strict", "-check_ss_sig", "-purpose", purpose, "-CAfile",
                        lab.folder("certs/ca.pem"), lab.folder(name),
                    ])
                #expect(outcome.exitCode == 0, "\(name): \(outcome.errors)")
            }
        }
        try lab.renew(.all)
        try await verify()
        try lab.renew(.authority)
        try await verify()
        try lab.renew(.authorityFinish(isCopied: true))
        try await verify()
    }

    @Test("goes on where it is when it is begun again, and takes Pis along that were let in again")
    func again() throws {
        try lab.folder.write(lab.folder.read("ids.txt"), to: "ids.all")
        try lab.removeLine(of: "south")
        try lab.renew(.authority)
        let key = try lab.folder.read("certs/ca.next.key")
        #expect(lab.said.contains { $0.contains("shut out   no line in ids.txt; nothing to do: south") })
        try lab.renew(.authority)
        #expect(try lab.folder.read("certs/ca.next.key") == key)
        #expect(try lab.roots("pis/south/ca.pem").count == 1)
        try lab.folder.write(lab.folder.read("ids.all"), to: "ids.txt")
        let failure = try lab.refusal { try lab.renew(.authorityFinish(isCopied: true)) }
        #expect(failure.reason == "of these Pis there is no bundle of the new one: south")
        try lab.renew(.authority)
        #expect(try lab.roots("pis/south/ca.pem").count == 2)
        try lab.renew(.authorityFinish(isCopied: true))
    }

    @Test("is not finished while a Pi may still have the old bundle, unless a person says otherwise")
    func notYet() throws {
        let never = try lab.refusal { try lab.renew(.authorityFinish(isCopied: true)) }
        #expect(never.message == "no authority is being changed here" && never.exitCode == .usage)
        try lab.renew(.authority)
        #expect(lab.said.contains { $0.contains("to copy    new bundle made") && $0.hasSuffix(": north, south") })
        let unknown = try lab.refusal { try lab.renew(.authorityFinish(isCopied: false)) }
        #expect(unknown.reason?.hasSuffix("whether these Pis have their new bundle: north, south") == true)
        #expect(unknown.exitCode == .temporaryFailure)
        for name in ["north", "south"] {
            let kept = try #require(try lab.deployment.keptIdentity(of: PiName(name)!))
            try Installation(of: kept).record(for: PiName(name)!, in: lab.deployment)
            try lab.renew(.authority)
        }
        #expect(lab.said.contains { $0.contains("done       new root") && $0.hasSuffix(": north, south") })
        try lab.renew(.authorityFinish(isCopied: false))
    }

    @Test("needs a new key for a Pi of which nothing usable is kept")
    func notKept() throws {
        for name in ["pis/south", "pis/south.tar.gz"] { try removeTree(lab.folder(name)) }
        try lab.folder.write([], to: "pis/north/pi.pem")
        try lab.renew(.authority)
        #expect(lab.said.contains { $0.contains("key gone") && $0.hasSuffix(": north, south") })
        #expect(try lab.refusal { try lab.renew(.authorityFinish(isCopied: true)) }.exitCode == .temporaryFailure)
        try lab.renew(.pis(["north", "south"].map { PiName($0)! }), newKey: true)
        try lab.renew(.authorityFinish(isCopied: true))
        try connect(receiver: Side(receiverOf: lab), pi: Side("north", of: lab))
    }

    @Test("keeps other roots and comments in ca.pem")
    func otherRoots() throws {
        let other = try TestLab().authority.certificate
        let text =
            Array("# ours\n".utf8) + (try lab.folder.read("certs/ca.pem")) + Array("# theirs\n\(try other.pem)".utf8)
        try lab.folder.write(text.dropLast(), to: "certs/ca.pem")
        try lab.renew(.authority)
        try lab.renew(.authorityFinish(isCopied: true))
        let new = try lab.text("certs/ca.pem")
        #expect(new.hasPrefix("# ours\n# theirs\n-----BEGIN"))
        #expect(try lab.roots("certs/ca.pem").first == other.fingerprint && lab.roots("certs/ca.pem").count == 2)
        try connect(receiver: Side(receiverOf: lab), pi: Side("north", of: lab))
    }

    @Test("saves a fleet whose authority has ended")
    func afterTheEnd() throws {
        let later = TestDeployment.now + 26 * 365 * 86_400
        try lab.renew(.authority, now: later)
        try lab.renew(.authorityFinish(isCopied: true), now: later)
        try lab.renew(.all, now: later)
        #expect(try #require(lab.certificate("pis/north/pi.pem").notAfter) > later)
        let early = try lab.refusal { try lab.renew(.authority, now: TestDeployment.now) }
        #expect(early.message.hasPrefix("this computer's clock says "))
    }

    @Test("keeps the passphrase of the key")
    func passphrase() throws {
        let lab = try TestDeployment()
        try lab.folder.write("four words for it\n".utf8, to: "passphrase")
        #expect(chmod(lab.folder("passphrase"), 0o600) == 0)
        let passphrase = AuthorityPassphrase(file: lab.folder("passphrase"))
        try lab.newPi("north", wishes: CertificateWishes(passphrase: passphrase))
        try lab.renew(.authority, passphrase: passphrase)
        #expect(try PrivateKey.isEncrypted(pem: lab.folder.read("certs/ca.next.key")))
        try lab.folder.write("other words for it\n".utf8, to: "wrong")
        #expect(chmod(lab.folder("wrong"), 0o600) == 0)
        let wrong = try lab.refusal {
            try lab.renew(.all, passphrase: AuthorityPassphrase(file: lab.folder("wrong")))
        }
        #expect(wrong.exitCode == .authenticationFailed)
        try lab.renew(.authorityFinish(isCopied: true), passphrase: passphrase)
        #expect(try PrivateKey.isEncrypted(pem: lab.folder.read("certs/ca.key")))
        try lab.renew(.all, passphrase: passphrase)
        try lab.bundle("north")
        try connect(receiver: Side(receiverOf: lab), pi: Side("north", of: lab))
    }

    @Test("whose next key is gone is noticed, told, and begun again if the key is lost")
    func lostKey() throws {
        try lab.renew(.authority)
        let lost = try lab.roots("certs/ca.next.pem")
        #expect(unlink(lab.folder("certs/ca.next.key")) == 0)
        for subject in [Renew.Subject.authority, .authorityFinish(isCopied: true), .all, .pis([PiName("north")!])] {
            let failure = try lab.refusal { try lab.renew(subject) }
            #expect(failure.message == "\(lab.folder("certs/ca.next.key")) is missing")
            #expect(failure.hint?.contains("rm \(lab.folder("certs/ca.next.pem")) && provision renew --ca") == true)
        }
        #expect(try lab.refusal { try lab.newPi("east") }.exitCode == .configuration)
        #expect(unlink(lab.folder("certs/ca.next.pem")) == 0)
        try lab.renew(.authority)
        #expect(try lab.roots("certs/ca.next.pem") != lost)
        try lab.renew(.authorityFinish(isCopied: true))
        #expect(
            lab.said.contains(
                "\(lab.folder("certs/ca.pem")) holds 1 more, believed as before: take out what is of no use."))
        try connect(receiver: Side(receiverOf: lab), pi: Side("north", of: lab))
        // The root whose key was lost.
        #expect(try lab.check().map { $0.mend.hasPrefix("sed -i ") } == [true])
    }

    @Test("whose mark is damaged, or of a root that ca.pem lacks, is refused")
    func badMark() throws {
        let old = try lab.folder.read("certs/ca.pem")
        try lab.renew(.authority)
        let (both, mark) = (try lab.folder.read("certs/ca.pem"), try lab.folder.read("certs/ca.next.pem"))
        try lab.folder.write(old, to: "certs/ca.pem")
        let lacking = try lab.refusal { try lab.renew(.authority) }
        #expect(lacking.hint == "add it again: cat \(lab.folder("certs/ca.next.pem")) >> \(lab.folder("certs/ca.pem"))")
        try lab.folder.write(both, to: "certs/ca.pem")
        for bytes in [[], Array(mark.prefix(100))] {
            try lab.folder.write(bytes, to: "certs/ca.next.pem")
            #expect(try lab.refusal { try lab.renew(.authority) }.exitCode == .dataError)
        }
        let other = try TestLab().authority
        try lab.folder.write(mark, to: "certs/ca.next.pem")
        try lab.folder.write(other.key.pem().withUnsafeBytes(Array.init), to: "certs/ca.next.key")
        #expect(try lab.refusal { try lab.renew(.authority) }.message.contains("ca.next.key does not belong to "))
    }

    @Test(
        "interrupted before the bundles is named by check, and the command that it names goes on",
        arguments: [false, true])
    func interrupted(isFinishing: Bool) throws {
        if isFinishing { try lab.renew(.authority) }
        let before = try lab.contents()
        try lab.renew(isFinishing ? .authorityFinish(isCopied: true) : .authority)
        // What stands in certs/ has changed, the bundles have not.
        if isFinishing { try lab.folder.write(lab.folder.read("certs/ca.pem"), to: "certs/ca.next.pem") }
        for (name, bytes) in before where name.hasPrefix("pis/") { try lab.folder.write(bytes, to: name) }
        let command = isFinishing ? "provision renew --ca --finish" : "provision renew --ca"
        let findings = try lab.check().filter { !$0.mend.hasPrefix("chmod ") }
        #expect(findings.map(\.path).contains(lab.folder("pis/south/ca.pem")))
        #expect(findings.allSatisfy { $0.mend == command })
        if isFinishing {
            let failure = try lab.refusal { try lab.renew(.authority) }
            #expect(failure.hint == "finish it first: provision renew --ca --finish")
        }
        try lab.renew(isFinishing ? .authorityFinish(isCopied: false) : .authority)
        for name in ["north", "south"] {
            #expect(try lab.roots("pis/\(name)/ca.pem") == lab.roots("certs/ca.pem"))
            try connect(receiver: Side(receiverOf: lab), pi: Side(name, of: lab))
        }
        #expect(try lab.mode("certs/ca.next.pem") == (isFinishing ? nil : 0o644))
        #expect(
            try lab.refusal { try lab.renew(.authorityFinish(isCopied: false)) }.exitCode
                == (isFinishing ? .usage : .temporaryFailure))
    }

    @Test("is refused a root that would end before the old one, or before a Pi's certificate, and a late wish")
    func tooShort() throws {
        let short = try lab.refusal { try lab.renew(.authority, days: 3) }
        #expect(short.message.hasPrefix("a new authority of 3 days would end on "))
        #expect(short.reason?.hasPrefix("the old one counts longer, until ") == true)
        #expect(short.exitCode == .usage && short.hint?.hasPrefix("leave --days out") == true)
        // Of an old root that has ended, nothing is left to be outlived.
        let later = TestDeployment.now + 26 * 365 * 86_400
        try lab.renew(.authority, days: 400, now: later)
        let late = try lab.refusal { try lab.renew(.authority, days: 4000, now: later) }
        #expect(late.message == "--days 4000 comes too late" && late.exitCode == .usage)
    }

    @Test("whose next key belongs to another deployment is refused")
    func foreignKey() throws {
        try lab.folder.write(PrivateKey().pem().withUnsafeBytes(Array.init), to: "certs/ca.next.key")
        let failure = try lab.refusal { try lab.renew(.all) }
        #expect(failure.message.contains("certs/ca.next.key does not belong to "))
    }
}

extension PrivateKey {
    fileprivate func isPair(of certificate: Certificate) -> Bool { certificate.isPaired(with: self) }
}
