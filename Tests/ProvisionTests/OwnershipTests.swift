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

    private func asRoot(_ command: String, environment: [String: String] = [:]) async throws -> Program.Outcome {
        try await Program.run(
            "provision", command.split(separator: " ").map(String.init), in: lab.folder.path, environment: environment)
    }

    @Test("whom root becomes for good, so that nothing in it is root's")
    func sudo() async throws {
        for command in [
            "new-pi north --out stick", "new-pi --count 10", "rotate north", "renew --all", "bundle north",
            "renew --server --new-key", "revoke pi-03", "list",
        ] {
            let outcome = try await asRoot(command)
            #expect(outcome.exitCode == 0, "\(command): \(outcome.errors)")
            #expect(outcome.errors == "This folder belongs to nobody: working as nobody, not as root.\n")
        }
        #expect(try strangers() == [])
        let check = try await asUser("provision check")
        #expect(check.exitCode == 1 && check.output.contains("north has 2 secrets"), "\(check.output)\(check.errors)")
        #expect(try await asUser("provision new-pi west").exitCode == 0)
    }

    @Test("whose groups and home ssh gets")
    func home() async throws {
        _ = try await asUser("provision new-pi north")
        try lab.folder.write(
            "#!/bin/sh\necho \"$HOME $LOGNAME $(grep -E '^(Uid|Gid|Groups):' /proc/self/status | tr -s '\\t ' ' ' | tr '\\n' ' ')\"\n"
                .utf8, to: "bin/ssh")
        #expect(chmod(lab.folder("bin/ssh"), 0o755) == 0)
        let outcome = try await asRoot(
            "bundle north --install pi@north", environment: ["PATH": "\(lab.folder("bin")):/usr/bin:/bin"])
        let entry = try #require(getpwuid(user)?.pointee)
        let seen = """
            \(String(cString: entry.pw_dir)) nobody Uid: 65534 65534 65534 65534 Gid: 65534 65534 65534 65534 Groups: 65534
            """
        #expect(outcome.output.contains(seen), "\(outcome.output)\(outcome.errors)")
    }

    @Test("who cannot have root write elsewhere through a link")
    func link() async throws {
        let victim = try TemporaryFolder()
        #expect(chmod(victim.path, 0o755) == 0)
        #expect(symlink(victim.path, lab.folder("certs")) == 0)
        #expect(lchown(lab.folder("certs"), user, user) == 0)
        let inUsersFolder = try await asRoot("init")
        #expect(inUsersFolder.exitCode != 0 && inUsersFolder.errors.contains("Permission denied"))
        // As in /tmp: the folder is root's, the link is not.
        #expect(chown(lab.folder.path, 0, 0) == 0)
        for command in ["init", "new-pi"] {
            let inOwnFolder = try await asRoot(command)
            #expect(inOwnFolder.exitCode == 78, "\(command)")
            #expect(
                inOwnFolder.errors.hasPrefix("certs is a link of somebody else's: it belongs to nobody\n"),
                "\(inOwnFolder.errors)")
        }
        #expect(try fileStatus(victim.path)?.permissions == 0o755)
        #expect(try namesInFolder(victim.path) == [])
        // One's own is one's own choice.
        #expect(lchown(lab.folder("certs"), 0, 0) == 0)
        #expect(try await asRoot("init").exitCode == 0)
    }

    @Test("and check names what is another's, with the command that gives it back")
    func strange() async throws {
        #expect(try await asUser("provision new-pi north").exitCode == 0)
        // A name is nothing for root's shell.
        let hostile = "certs/a b;'x"
        try lab.folder.write([], to: hostile)
        #expect(chown(lab.folder(hostile), 0, 0) == 0)
        let word = "sudo chown -hR nobody \(quoted(lab.folder(hostile)))"
        #expect(quoted(hostile) == "'certs/a b;'\\''x'")
        #expect(try lab.check().first?.mend == word)
        // Many: the receiver's own file beside them is named by nobody.
        for number in 1...9 {
            try lab.folder.write([], to: "certs/\(number)")
            #expect(chown(lab.folder("certs/\(number)"), 0, 0) == 0)
        }
        let many = try #require(lab.check().first?.mend).split(separator: " ").map(String.init)
        #expect(many.contains(lab.folder("certs/9")) && !many.contains(lab.folder("certs")))
        for name in [hostile] + (1...9).map({ "certs/\($0)" }) { try removeTree(lab.folder(name)) }
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
        #expect(try await asUser("provision new-pi north").exitCode == 0)
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
