import CertificateAuthority
import Files
import Glibc
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("provision check")
struct CheckTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
        try lab.newPi("north")
        try lab.newPi("south")
    }

    /// The findings with paths as they are from inside the folder.
    private func found(now: Int64 = TestDeployment.now) throws -> [String] {
        try lab.check(now: now).map {
            String("\($0.severity) \($0.path) | \($0.mend)".replacing("\(lab.folder.path)/", with: ""))
        }
    }

    @Test("finds nothing in what provision made")
    func nothing() throws {
        #expect(try lab.check() == [])
        try lab.revoke("north")
        #expect(try lab.check() == [], "revoked is as it was meant")
    }

    @Test(
        "finds permissions that are too wide",
        arguments: [
            ("certs", 0o755), ("certs/ca.key", 0o640), ("certs/server.pem", 0o644), ("ids.txt", 0o604), ("pis", 0o711),
            ("pis/north", 0o750), ("pis/north.tar.gz", 0o644), ("pis/north/secret.py", 0o620),
            ("pis/north/pi.pem", 0o604), ("received_files", 0o777), ("certs/ca.pem", 0o666), ("certs/receiver", 0o777),
        ] as [(String, mode_t)])
    func permissions(name: String, mode: mode_t) async throws {
        #expect(chmod(lab.folder(name), mode) == 0)
        let findings = try lab.check()
        #expect(findings.map(\.path) == [lab.folder(name)] && findings[0].severity == .error)
        let mended = try await Program.run("/bin/sh", ["-c", findings[0].mend])
        #expect(mended.exitCode == 0)
        #expect(try lab.check() == [])
    }

    @Test("allows the receiver's group what it needs, and tells what of that is missing")
    func group() async throws {
        let files = ["certs", "certs/server.pem", "ids.txt"]
        for name in files { #expect(chmod(lab.folder(name), name == "certs" ? 0o710 : 0o640) == 0) }
        #expect(try lab.check() == [])
        for name in files {
            #expect(chmod(lab.folder(name), name == "certs" ? 0o700 : 0o600) == 0)
            let findings = try lab.check()
            #expect(findings.map(\.path) == [lab.folder(name)] && findings[0].severity == .warning)
            #expect(try await Program.run("/bin/sh", ["-c", findings[0].mend]).exitCode == 0)
            #expect(try lab.check() == [])
        }
    }

    @Test("finds all well where what the receiver's group reads was made anew", arguments: ["init", "renew"])
    func groupOfNewFile(command: String) throws {
        for name in ["certs", "certs/server.pem", "ids.txt"] {
            #expect(chmod(lab.folder(name), name == "certs" ? 0o710 : 0o640) == 0)
        }
        let group: gid_t? = geteuid() == 0 ? 65534 : nil
        if let group {
            for name in ["certs", "ids.txt"] { #expect(chown(lab.folder(name), 0, group) == 0) }
        }
        try removeTree(lab.folder("certs/server.pem"))
        if command == "init" { try lab.initialize() } else { try lab.renew(.receiver) }
        #expect(try lab.mode("certs/server.pem") == 0o640)
        if let group { #expect(try fileStatus(lab.folder("certs/server.pem"))?.st_gid == group) }
        #expect(try lab.check() == [])
    }

    @Test("names no command that would refuse what is left of a change of the authority")
    func brokenMark() throws {
        try lab.renew(.authority)
        let (mark, key) = (lab.folder("certs/ca.next.pem"), lab.folder("certs/ca.next.key"))
        let whole = try lab.folder.read("certs/ca.next.pem")
        try lab.folder.write([], to: "certs/ca.next.pem")
        let empty = try #require(lab.check().first { $0.path == mark })
        #expect(empty.mend.hasPrefix("# put it back from your copy: ") && empty.severity == .error)
        try lab.folder.write(whole, to: "certs/ca.next.pem")
        #expect(rename(key, lab.folder("stick")) == 0)
        let missing = try #require(lab.check().first { $0.path == mark })
        #expect(missing.mend.hasPrefix("# copy the key back, ") && missing.mend.contains("If it is lost, "))
        #expect(rename(lab.folder("stick"), key) == 0 && unlink(mark) == 0)
        #expect(try lab.check().contains { $0.path == key && $0.mend == "provision renew --ca" })
        try lab.folder.write(lab.folder.read("pis/north/pi.pem"), to: "certs/ca.next.pem")
        #expect(try lab.check().contains { $0.path == mark && $0.mend.hasPrefix("cat ") })
    }

    @Test("warns of a root beside the lab's own, before a bundle brings it to the Pis", arguments: [false, true])
    func foreignRoot(isFirst: Bool) async throws {
        let other = try TestDeployment()
        try other.newPi("east")
        let (own, foreign) = try (lab.text("certs/ca.pem"), other.text("certs/ca.pem"))
        try lab.folder.write(Array((isFirst ? foreign + own : own + foreign).utf8), to: "certs/ca.pem")
        let finding = try #require(lab.check().first { $0.mend.hasPrefix("sed ") })
        #expect(finding.path == lab.folder("certs/ca.pem") && finding.severity == .warning)
        #expect(try await Program.run("/bin/sh", ["-c", finding.mend]).exitCode == 0)
        #expect(try lab.text("certs/ca.pem") == own)
        #expect(try lab.check() == [])
    }

    @Test("quotes whatever names files have")
    func names() async throws {
        let name = "certs/receiver/a b;'x"
        try lab.folder.write([1], to: name)
        #expect(chmod(lab.folder(name), 0o666) == 0)
        let findings = try lab.check()
        #expect(findings.map(\.path) == [lab.folder(name), lab.folder(name)])
        #expect(findings[0].mend == "chmod go-w \(quoted(lab.folder(name)))" && quoted("a b;'x") == "'a b;'\\''x'")
        #expect(try await Program.run("/bin/sh", ["-c", findings[0].mend]).exitCode == 0)
        #expect(try lab.check().count == 1)
        // `lab.check()` compares all files before and after, which only root can then.
        guard geteuid() == 0 else { return }
        #expect(chmod(lab.folder(name), 0) == 0)
        let unreadable = try #require(lab.check().first { $0.mend.hasPrefix("chmod u+rwX ") })
        #expect(unreadable.mend == "chmod u+rwX \(quoted(lab.folder(name)))")
    }

    @Test("finds what is about to end, and what has ended")
    func ending() throws {
        let day: Int64 = 86_400
        let end = TestDeployment.now + (3650 - 2) * day
        #expect(try found(now: end - 31 * day) == [])
        let all = [
            "certs/server.pem | provision renew --server", "pis/north/pi.pem | provision renew north",
            "pis/south/pi.pem | provision renew south",
        ]
        #expect(try found(now: end - 29 * day) == all.map { "warning \($0)" })
        #expect(
            try lab.check(now: end - 10 * day - 1).last?.problem.hasPrefix("the certificate ends in 10 days, on ")
                == true)
        #expect(try found(now: end) == all.map { "error \($0)" })
        let authorityEnd = TestDeployment.now + (25 * 365 - 2) * day
        #expect(try found(now: authorityEnd - 300 * day).first == "warning certs/ca.pem | provision renew --ca")
        #expect(try found(now: TestDeployment.now - 3 * day).allSatisfy { $0.hasSuffix(" | date") })
    }

    @Test("finds certificates and keys that do not belong together")
    func pairs() throws {
        let other = try TestDeployment()
        try other.newPi("north")
        try other.newPi("south")
        try lab.folder.write(other.folder.read("certs/ca.key"), to: "certs/ca.key")
        #expect(chmod(lab.folder("certs/ca.key"), 0o600) == 0)
        #expect(
            try found() == [
                "error certs/ca.key | # put it back from your copy of \(lab.folder("certs"))/".replacing(
                    "\(lab.folder.path)/", with: "")
            ])
        try lab.folder.write(other.folder.read("certs/server.pem"), to: "certs/server.pem")
        try lab.folder.write(other.folder.read("pis/north/pi.pem"), to: "pis/north/pi.pem")
        try lab.folder.write(lab.folder.read("pis/south/pi.pem"), to: "pis/south/pi.pem")
        let paths = try Set(lab.check().filter { $0.severity == .error }.map { $0.path })
        for name in ["certs/ca.key", "certs/server.pem", "pis/north/pi.pem"] {
            #expect(paths.contains(lab.folder(name)))
        }
        #expect(!paths.contains(lab.folder("pis/south/pi.pem")) || chmod(lab.folder("pis/south/pi.pem"), 0o600) == 0)
    }

    @Test("finds a Pi with another's certificate, or one outside of the profile")
    func profile() throws {
        let authority = try CertificateAuthority(
            certificate: #require(Certificate.all(inPEM: lab.folder.read("certs/ca.pem")).first),
            key: PrivateKey(pem: SecureBytes(copyOf: lab.folder.read("certs/ca.key"))))
        try lab.folder.write(lab.folder.read("pis/south/pi.pem"), to: "pis/north/pi.pem")
        #expect(try lab.check().contains { $0.problem == "the certificate is that of south" })
        let key = try PrivateKey()
        let receiver = try authority.receiverCertificate(
            for: key, hosts: [], validity: Validity(now: TestDeployment.now, days: 10))
        let pem = Array(try receiver.pem.utf8) + (try key.pem()).withUnsafeBytes(Array.init)
        try lab.folder.write(pem, to: "pis/north/pi.pem")
        #expect(
            try lab.check().contains {
                $0.path == lab.folder("pis/north/pi.pem")
                    && $0.mend == "tar xzf \(lab.folder("pis/north.tar.gz")) -C \(lab.folder("pis"))"
            }
        )
    }

    @Test(
        "finds files that are missing, empty, binary, huge or folders, and names the way out",
        arguments: [
            "certs/ca.pem", "certs/ca.key", "certs/server.pem", "ids.txt", "pis/north/secret.py", "pis/north/pi.pem",
            "pis/north/ca.pem",
        ])
    func damaged(name: String) throws {
        for damage in 0...4 {
            try removeTree(lab.folder(name))
            switch damage {
            case 0: break
            case 1: try lab.folder.write([], to: name)
            case 2: try lab.folder.write((0..<2000).map { UInt8(truncatingIfNeeded: $0 &* 151) }, to: name)
            case 3:
                try lab.folder.write([], to: name)
                #expect(truncate(lab.folder(name), 1 << 30) == 0)
            default: try makeFolder(lab.folder(name), mode: 0o700)
            }
            // Away from here by design, or no Pi any more.
            if name == "certs/ca.key" && damage == 0 { continue }
            let findings = try reportingFailures {
                try Check(deployment: lab.deployment, now: TestDeployment.now).report { _ in }.findings
            }
            #expect(findings.contains { $0.path == lab.folder(name) || name == "ids.txt" }, "\(name) \(damage)")
            #expect(findings.allSatisfy { !$0.mend.isEmpty })
        }
    }

    @Test("finds every bad line of ids.txt, without its secret, and does not take its Pi for shut out")
    func lines() throws {
        let text = try lab.text("ids.txt").replacing(" south", with: " South!") + "deadbeef\r\n"
        try lab.folder.write(text.utf8, to: "ids.txt")
        #expect(chmod(lab.folder("ids.txt"), 0o600) == 0)
        let path = lab.folder("ids.txt")
        let findings = try lab.check()
        #expect(findings.map(\.mend) == ["${EDITOR:-nano} +4 \(path)", "${EDITOR:-nano} +5 \(path)"])
        #expect(findings.allSatisfy { $0.path == path && $0.severity == .error && !$0.problem.contains("deadbeef") })
    }

    @Test("finds secrets and lines that stand there twice, and lines without a name")
    func doubled() async throws {
        let secret = try #require(try lab.secret("north")).key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        let whole = try lab.text("ids.txt")
        let path = lab.folder("ids.txt")
        func mends(_ added: String) throws -> [String] {
            try lab.folder.write((whole + added).utf8, to: "ids.txt")
            #expect(chmod(path, 0o600) == 0)
            return try lab.check().map(\.mend)
        }
        #expect(try mends("\(secret.uppercased()) south\n") == Array(repeating: endOfRotation("south"), count: 2))
        #expect(try mends("\(secret)\n") == ["sed -i '5s/^/# /' \(path)", "provision import \(path)"])
        #expect(try mends("00000000000000aa\n") == ["provision import \(path)"])
        #expect(try mends("\(secret) north\n") == ["sed -i '5s/^/# /' \(path)", endOfRotation("north")])
        let many = (10..<75).map { "00000000000000\($0)\n" }.joined()
        #expect(try mends(many) == ["provision import \(path)"])
        #expect(try lab.check()[0].severity == .error)
    }

    @Test("finds Pis of which a part is missing, and what is of no Pi")
    func parts() throws {
        try removeTree(lab.folder("pis/north"))
        #expect(try found() == ["warning pis/north | tar xzf pis/north.tar.gz -C pis"])
        try removeTree(lab.folder("pis/north.tar.gz"))
        #expect(try found() == ["warning pis/north | provision renew north --new-key"])
        try removeTree(lab.folder("pis/south.tar.gz"))
        try lab.folder.write(lab.folder.read("pis/south/ca.pem") + [10], to: "pis/south/ca.pem")
        #expect(
            try found().dropFirst() == [
                "warning pis/south/ca.pem | provision bundle south",
                "warning pis/south.tar.gz | provision bundle south",
            ])
        try lab.folder.write([1], to: "pis/west.tar.gz")
        try lab.folder.write([1], to: "pis/Notes.txt")
        try removeTree(lab.folder("certs/receiver"))
        let all = try found()
        #expect(
            all.contains(
                "warning pis/west.tar.gz | mkdir -p -m 700 pis/.old && mv --backup=numbered -t pis/.old pis/west.tar.gz"
            ))
        #expect(
            all.contains(
                "warning pis/Notes.txt | mkdir -p -m 700 pis/.old && mv --backup=numbered -t pis/.old pis/Notes.txt"))
        #expect(all[0].hasPrefix("warning certs/receiver/") && all[0].hasSuffix(" | provision init"))
    }

    @Test("finds a Pi whose line was deleted, and one whose secret is another")
    func shutOut() throws {
        let lines = try lab.text("ids.txt").split(separator: "\n").filter { !$0.hasSuffix(" north") }
        try lab.folder.write((lines.joined(separator: "\n") + "\n").utf8, to: "ids.txt")
        #expect(chmod(lab.folder("ids.txt"), 0o600) == 0)
        #expect(
            try found() == [
                "warning pis/north | provision revoke north # if that is meant; if not: provision restore north"
            ])
        try lab.revoke("north")
        #expect(try found() == [], "a line taken out by hand counts as revoked once somebody says so")
        try lab.restore("north")
        #expect(try found() == [])
        try lab.folder.write("secret='00000000000000cc'\n".utf8, to: "pis/north/secret.py")
        #expect(chmod(lab.folder("pis/north/secret.py"), 0o600) == 0)
        #expect(try found() == ["error pis/north/secret.py | tar xzf pis/north.tar.gz -C pis"])
        try removeTree(lab.folder("pis/north.tar.gz"))
        #expect(try found() == ["error pis/north/secret.py | provision rotate north"])
        try lab.rotate("north")
        try lab.finishRotation("north")
        #expect(try found() == [])
    }

    @Test("finds what an interrupted change of certificates left, and looks at the next authority's key too")
    func authorityChange() throws {
        try makeFolder(lab.folder("certs/.change.new"), mode: 0o700)
        #expect(try found() == ["warning certs/.change.new | provision init"])
        try lab.initialize()
        #expect(try found() == [])
        try lab.folder.write(PrivateKey().pem().withUnsafeBytes(Array.init), to: "certs/ca.next.key")
        let findings = try lab.check()
        #expect(findings.allSatisfy { $0.path.hasPrefix(lab.folder("certs/ca.next.")) })
        #expect(findings.contains { $0.mend.hasPrefix("provision renew --ca") })
        #expect(findings.contains { $0.problem == "it does not belong to \(lab.folder("certs/ca.pem"))" })
    }

    @Test("finds what interrupted runs left", arguments: [".staging", ".replacing", ".replacement"])
    func remains(name: String) throws {
        try makeFolder(lab.folder("pis/\(name)"), mode: 0o700)
        try lab.folder.write([], to: ".ids.txt.new")
        #expect(
            try found() == [
                "warning pis/\(name) | provision init", "warning .ids.txt.new | provision init",
            ])
        try lab.initialize()
        #expect(try found() == [])
    }
}
