import Files
import Foundation
import TestSupport
import Testing

@testable import Provision

@Suite("A deployment has one owner", .enabled(if: geteuid() == 0, "only root can give files away"))
struct OwnershipTests {
    let lab: TestDeployment
    private let user: uid_t = 65534

    init() throws {
        lab = try TestDeployment()
        #expect(chown(lab.folder.path, user, 65534) == 0 && chmod(lab.folder.path, 0o755) == 0)
    }

    /// Those that are root's.
    private func strangers() throws -> [String] {
        let names = FileManager.default.enumerator(atPath: lab.folder.path)?.compactMap { $0 as? String } ?? []
        return try names.filter { try fileStatus(lab.folder($0))?.st_uid != user }.sorted()
    }

    /// As that user, who may not be able to come to where the programs are built.
    private func asUser(_ command: String) async throws -> Program.Outcome {
        let programs = try TemporaryFolder()
        // Copied by a child: a program that another test starts meanwhile would hold our own copy open for writing, and
        // then nobody may run it (ETXTBSY).
        let copy = try await Program.run("/bin/cp", [Program.path("provision"), programs("provision")])
        #expect(copy.exitCode == 0)
        return try await Program.run(
            "/usr/bin/env", ["setpriv", "--reuid=\(user)", "--regid=65534", "--clear-groups", "sh", "-c", command],
            in: lab.folder.path, environment: ["PATH": "\(programs.path):/usr/bin:/bin"])
    }

    @Test("also of what one sudo makes in it")
    func sudo() async throws {
        try lab.newPi("north", out: lab.folder("stick"))
        try lab.newPi(count: 10)
        try lab.rotate("north")
        try lab.renew(.all)
        try lab.bundle("north")
        try lab.renew(.receiver, newKey: true)
        try lab.revoke("pi-03")
        #expect(try strangers() == [])
        let check = try await asUser("provision check")
        #expect(check.exitCode == 1 && check.output.contains("north has 2 secrets"), "\(check.output)\(check.errors)")
        #expect(try await asUser("provision new-pi west").exitCode == 0)
    }

    @Test("and check names what is another's, with the command that gives it back")
    func strange() async throws {
        try lab.newPi("north")
        for name in ["pis/north", "pis/north/pi.pem", "certs/ca.key", "received_files"] {
            #expect(chown(lab.folder(name), 0, 0) == 0)
        }
        let path = lab.folder("certs/ca.key")
        let finding = try #require(lab.check().first)
        #expect(finding.path == path && finding.problem == "it belongs to root, not to nobody (and 2 more)")
        let seen = try await asUser("provision check")
        #expect(seen.exitCode == 65)
        #expect(
            seen.output.contains(
                """
                error: certs/ca.key: it belongs to root, not to nobody (and 2 more)
                  mend it: sudo chown -hR nobody certs/ca.key pis/north received_files
                """), "\(seen.output)\(seen.errors)")
        let mended = try await Program.run(
            "/bin/sh", ["-c", String(finding.mend.dropFirst("sudo ".count))], in: lab.folder.path)
        #expect(mended.exitCode == 0)
        #expect(try await asUser("provision check").exitCode == 0)
    }

    @Test("who is told where the deployment is another's, or a file is closed to its own owner")
    func closed() async throws {
        try lab.newPi("north")
        #expect(chmod(lab.folder("pis/north/secret.py"), 0) == 0)
        let own = try await asUser("provision check")
        #expect(own.exitCode == 65)
        #expect(own.output.contains("its own owner may not read it\n  mend it: chmod u+rwX pis/north/secret.py\n"))
        #expect(try await asUser("chmod u+rwX pis/north/secret.py && provision check").exitCode == 0)
        for name in ["", "certs", "pis", "ids.txt"] { #expect(chown(lab.folder(name), 0, 0) == 0) }
        let others = try await asUser("provision check")
        #expect(others.exitCode == 65)
        #expect(
            others.output.contains(
                "certs: it belongs to root, and you are nobody\n  mend it: sudo -u root provision check"))
    }

    @Test("who can work on whatever the umask was", arguments: ["0777", "0000"])
    func umask(mask: String) async throws {
        let out = try await asUser("umask \(mask); provision new-pi north --out stick")
        #expect(out.exitCode == 0, "\(out.errors)")
        for name in ["certs/.lock", "stick/north.tar.gz", "pis/north.tar.gz", "ids.txt", "certs/ca.key"] {
            #expect(try lab.mode(name) == 0o600, "\(name)")
        }
        #expect(try await asUser("provision check && provision new-pi").exitCode == 0)
    }
}
