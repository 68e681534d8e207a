import CommandSupport
import Files
import Foundation
import TestSupport
import Testing

@testable import Provision

@Suite("Who has to wait for another run of provision")
struct LockTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
        try lab.folder.write("four words for it\n".utf8, to: "phrase")
        #expect(chmod(lab.folder("phrase"), 0o600) == 0)
    }

    private func waitUntil(_ isTrue: () -> Bool) async throws {
        while !isTrue() { try await Task.sleep(for: .milliseconds(10)) }
    }

    @Test(
        "nobody, while a passphrase is asked for",
        arguments: [["new-pi"], ["renew", "--all"], ["init", "--ca-passphrase"], ["import", "old.txt"]])
    func prompt(arguments: [String]) async throws {
        let passphrase = AuthorityPassphrase(file: lab.folder("phrase"))
        try lab.newPi("north", wishes: CertificateWishes(passphrase: passphrase))
        try lab.folder.write("0123456789abcdef\n".utf8, to: "old.txt")
        let provision = Program.path("provision")
        #expect(mkfifo(lab.folder("keys"), 0o600) == 0)
        let keys = try FileDescriptor(opening: lab.folder("keys"), O_RDWR)
        let command = "script -qec \"'\(provision)' \(arguments.joined(separator: " "))\" /dev/null < keys"
        let asking = try Program(starting: "/bin/sh", ["-c", command], in: lab.folder.path)
        try await waitUntil { asking.output.contains("The passphrase of certs/ca.key: ") }
        for word in ["revoke", "restore"] {
            // timeout(1) ends what would wait for ever.
            let other = try await Program.run(
                "/usr/bin/env", ["timeout", "60", provision, word, "north"], in: lab.folder.path)
            #expect(other.exitCode == 0, "\(other.output)")
        }
        // Ctrl-C as a key.
        try keys.write([3])
        _ = try await asking.outcome()
        #expect(asking.output.contains("no passphrase was given"))
    }

    @Test("is told the other's process, and how to end it")
    func words() async throws {
        try lab.newPi("north")
        var lock: DeploymentLock? = try DeploymentLock(lab.deployment) { _ in }
        let revoke = try Program(starting: "provision", ["revoke", "north"], in: lab.folder.path)
        try await waitUntil { revoke.output.contains("\n") }
        #expect(
            revoke.output.hasPrefix(
                """
                Another provision is at work in this folder (process \(getpid())); waiting for it … \
                If it hangs: kill \(getpid())

                """))
        withExtendedLifetime(lock) {}
        lock = nil
        #expect(try await revoke.outcome().exitCode == 0)
    }

    @Test("gives up after a while if it only reads")
    func patience() throws {
        try lab.newPi("north")
        let lock = try DeploymentLock(lab.deployment) { _ in }
        let failure = try failure(CommandFailure.self) {
            _ = try DeploymentLock(reading: lab.deployment, patience: .milliseconds(1)) {}
        }
        withExtendedLifetime(lock) {}
        #expect(failure.exitCode == .temporaryFailure)
        #expect(failure.hint?.contains("kill \(getpid())") == true)
    }

    @Test("finds the holder among the kernel's locks, not who waits nor another file's")
    func holder() {
        var file = stat()
        file.st_dev = 0xfd01
        file.st_ino = 131
        let others = """
            1: POSIX  ADVISORY  WRITE 1 fd:01:131 0 EOF
            2: FLOCK  ADVISORY  WRITE 2 fd:01:1310 0 EOF
            3: FLOCK  ADVISORY  WRITE 3 fd:02:131 0 EOF
            4: -> FLOCK  ADVISORY  WRITE 4 fd:01:131 0 EOF
            5: FLOCK  ADVISORY  WRITE 0 fd:01:131 0 EOF
            6: FLOCK

            """
        #expect(DeploymentLock.holder(of: file, in: others) == nil)
        #expect(DeploymentLock.holder(of: file, in: others + "7: FLOCK  ADVISORY  READ 708 fd:01:131 0 EOF\n") == 708)
    }

    @Test("a key that got another passphrase meanwhile is refused: nobody is asked under the lock")
    func meanwhile() throws {
        let wishes = CertificateWishes(passphrase: AuthorityPassphrase(file: lab.folder("phrase")))
        try lab.initialize(wishes)
        var passphrase = AuthorityPassphrase()
        let failure = try failure(CommandFailure.self) { _ = try lab.deployment.readAuthority(passphrase) }
        #expect(failure.exitCode == .temporaryFailure)
        passphrase.file = lab.folder("phrase")
        try passphrase.obtain(for: lab.deployment)
        _ = try lab.deployment.readAuthority(passphrase)
    }
}
