import CertificateAuthority
import CommandSupport
import Files
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("provision init")
struct InitTests {
    let lab: TestDeployment
    private let phrase = "correct horse battery"

    init() throws {
        lab = try TestDeployment()
        try writePrivately("\(phrase)\nsecond line\n", to: "phrase")
    }

    private func writePrivately(_ text: String, to name: String) throws {
        try lab.folder.write(text.utf8, to: name)
        #expect(chmod(lab.folder(name), 0o600) == 0)
    }

    private func wishes(_ file: String = "phrase") -> CertificateWishes {
        CertificateWishes(passphrase: AuthorityPassphrase(file: lab.folder(file)))
    }

    @Test("makes authority and receiver without a Pi, which new-pi then takes as they are")
    func alone() throws {
        try lab.initialize(CertificateWishes(hosts: [HostName("lab.example")!], trustDomain: TrustDomain("field")))
        #expect(try namesInFolder(lab.folder("pis")) == [])
        let before = try lab.contents()
        try lab.initialize()
        #expect(lab.said.last == "This folder is set up already. A Pi is made by: provision new-pi")
        #expect(try lab.contents() == before)
        try lab.newPi("north")
        for (name, bytes) in before where name != "ids.txt" { #expect(try lab.folder.read(name) == bytes) }
        #expect(try lab.check() == [])
    }

    @Test("gives the authority's key a passphrase, with which openssl opens it and new-pi signs")
    func passphrase() async throws {
        try lab.initialize(wishes())
        let key = try lab.text("certs/ca.key")
        #expect(key.hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"))
        #expect(try lab.mode("certs/ca.key") == 0o600)
        let opened = try await Program.run(
            "/usr/bin/env",
            ["openssl", "pkey", "-in", lab.folder("certs/ca.key"), "-passin", "file:\(lab.folder("phrase"))", "-noout"])
        #expect(opened.exitCode == 0, "\(opened.errors)")
        let structure = try await Program.run(
            "/usr/bin/env", ["openssl", "asn1parse", "-in", lab.folder("certs/ca.key")])
        for name in ["PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", ":0927C0"] {
            #expect(structure.output.contains(name), "\(structure.output)")
        }
        try lab.newPi("north", wishes: wishes())
        #expect(try lab.check() == [])
        #expect(!lab.said.joined().contains(phrase))
        for (name, bytes) in try lab.contents() where name != "phrase" {
            #expect(!String(decoding: bytes, as: UTF8.self).contains(phrase))
        }
    }

    @Test("needs no passphrase to put right what an interrupted run left, nor do revoke and rotate")
    func withoutPassphrase() throws {
        try lab.newPi("north", wishes: wishes())
        try makeFolder(lab.folder("pis/.staging"), mode: 0o700)
        try lab.initialize()
        try lab.rotate("north")
        try lab.finishRotation("north")
        try lab.revoke("north")
        try lab.restore("north")
        #expect(try lab.check() == [])
    }

    @Test("a wrong passphrase, or none, makes nothing and says the way out")
    func wrong() async throws {
        try lab.initialize(wishes())
        try writePrivately("not the phrase\n", to: "wrong")
        let failure = try lab.refusal { try lab.newPi("north", wishes: wishes("wrong")) }
        #expect(failure.message == "\(lab.folder("certs/ca.key")) cannot be opened")
        #expect(failure.exitCode == .authenticationFailed)
        let unattended = try await Program.run("provision", ["new-pi"], in: lab.folder.path)
        #expect(unattended.exitCode == 78)
        #expect(unattended.errors.hasPrefix("certs/ca.key needs a passphrase: and standard input is no terminal"))
        #expect(unattended.errors.contains("--ca-passphrase-file"))
        #expect(try namesInFolder(lab.folder("pis")) == [])
    }

    @Test("refuses a passphrase that is empty, short, missing, or comes too late")
    func refusals() throws {
        for (text, code) in [("", ExitStatus.dataError), ("\nsecond", .dataError), ("seven77\n", .usage)] {
            try writePrivately(text, to: "bad")
            #expect(try lab.refusal { try lab.initialize(wishes("bad")) }.exitCode == code)
        }
        #expect(try lab.refusal { try lab.initialize(wishes("missing")) }.exitCode == .ioError)
        #expect(chmod(lab.folder("phrase"), 0o604) == 0)
        #expect(try lab.refusal { try lab.initialize(wishes()) }.message.hasSuffix("open to everyone on this computer"))
        #expect(chmod(lab.folder("phrase"), 0o600) == 0)
        #expect(try fileStatus(lab.folder("certs")) == nil, "not even a folder")
        try lab.initialize()
        let late = try lab.refusal { try lab.newPi("north", wishes: wishes()) }
        #expect(late.message == "\(lab.folder("certs/ca.key")) has no passphrase")
        #expect(late.exitCode == .usage)
    }

    @Test("asks on the terminal, twice for a new key and once for one that exists")
    func terminal() async throws {
        let provision = Program.path("provision")
        // Typed ahead: the terminal keeps it until it is asked for.
        let typing = "printf '%s\\n' '\(phrase)' '\(phrase)' '\(phrase)'"
        let command = "'\(provision)' init --ca-passphrase && '\(provision)' new-pi north"
        let outcome = try await Program.run(
            "/bin/sh", ["-c", "\(typing) | script -qec \"\(command)\" /dev/null"], in: lab.folder.path)
        #expect(outcome.exitCode == 0, "\(outcome.output)")
        for question in ["A passphrase for certs/ca.key: ", "The same again: ", "The passphrase of certs/ca.key: "] {
            #expect(outcome.output.contains(question))
        }
        #expect(try lab.text("certs/ca.key").hasPrefix("-----BEGIN ENCRYPTED"))
        try lab.expectWhole()
    }

    @Test("goes on with an encrypted key that a first use had made when it was interrupted")
    func interrupted() throws {
        try lab.initialize(wishes())
        for name in ["certs/ca.pem", "certs/server.pem", "certs/receiver", "ids.txt", "pis"] {
            try removeTree(lab.folder(name))
        }
        let key = try lab.folder.read("certs/ca.key")
        try lab.initialize(wishes())
        #expect(try lab.folder.read("certs/ca.key") == key)
        #expect(try lab.check() == [])
    }
}

@Suite("A passphrase on a terminal")
struct PassphraseTerminalTests {
    /// A terminal of the test's own: what is written to `master` is typed, what it shows is read there.
    private struct Terminal {
        let master: FileDescriptor
        let slave: FileDescriptor

        init() throws {
            master = try FileDescriptor(opening: "/dev/ptmx", O_RDWR | O_NOCTTY)
            // TIOCSPTLCK and TIOCGPTN of ioctl_tty(2): what unlockpt(3) and ptsname(3) do, which Glibc's module hides.
            var isLocked: Int32 = 0
            var number: UInt32 = 0
            #expect(ioctl(master.number, 0x4004_5431, &isLocked) == 0)
            #expect(ioctl(master.number, 0x8004_5430, &number) == 0)
            let path = "/dev/pts/\(number)"
            slave = try FileDescriptor(opening: path, O_RDWR | O_NOCTTY)
        }

        /// Types `keys` once the question stands there, and gives what `ask` returns and all that was shown.
        func ask(typing keys: [UInt8]) throws -> (Result<SecureBytes, CommandFailure>, shown: String) {
            let slave = slave
            let answer = Answer()
            let thread = Thread {
                answer.set(
                    Result { try PassphraseTerminal(input: slave.number, output: slave.number).ask("Phrase: ") }
                        .mapError { $0 as? CommandFailure ?? CommandFailure("\($0)", exitCode: .ioError) })
            }
            thread.start()
            var shown: [UInt8] = []
            func read() throws {
                var buffer = [UInt8](repeating: 0, count: 256)
                let count = try buffer.withUnsafeMutableBytes { try master.read(into: $0) }
                shown += buffer[..<count]
            }
            while !String(decoding: shown, as: UTF8.self).contains("Phrase: ") { try read() }
            try master.write(keys)
            while shown.last != 10 { try read() }
            return (answer.wait(), String(decoding: shown, as: UTF8.self))
        }
    }

    private final class Answer: @unchecked Sendable {
        // Guarded by the semaphore: written once before it is signalled.
        private var result: Result<SecureBytes, CommandFailure>?
        private let done = DispatchSemaphore(value: 0)

        func set(_ result: Result<SecureBytes, CommandFailure>) {
            self.result = result
            done.signal()
        }

        func wait() -> Result<SecureBytes, CommandFailure> {
            done.wait()
            return result!
        }
    }

    @Test(
        "is what was typed, with its corrections",
        arguments: [
            ("four words\n", "four words"), ("wrong\u{15}right\r", "right"), ("ab\u{7f}c\u{8}d\n", "ad"),
            ("grü\u{7f}n\n", "grn"), ("\u{7f}x\n", "x"),
        ])
    func typed(keys: String, expected: String) throws {
        let terminal = try Terminal()
        let (result, shown) = try terminal.ask(typing: Array(keys.utf8))
        #expect(try result.get() == SecureBytes(copyOf: expected.utf8))
        #expect(shown == "Phrase: \r\n", "nothing of it is shown")
    }

    @Test("may be given up, and the terminal shows again what is typed", arguments: ["x\u{3}", "\u{4}", "\n"])
    func cancelled(keys: String) throws {
        let terminal = try Terminal()
        let (result, _) = try terminal.ask(typing: Array(keys.utf8))
        #expect(throws: CommandFailure.self) { try result.get() }
        var settings = termios()
        #expect(tcgetattr(terminal.slave.number, &settings) == 0)
        #expect(settings.c_lflag & tcflag_t(ECHO) != 0 && settings.c_lflag & tcflag_t(ISIG) != 0)
    }
}
