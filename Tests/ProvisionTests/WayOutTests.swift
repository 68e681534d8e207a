import CommandSupport
import Files
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("What provision says when the folder does not let it")
struct WayOutTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
    }

    private func importing(_ name: String) throws -> CommandFailure {
        try lab.refusal { try lab.importIds(name) }
    }

    @Test("ids.txt that all could read is closed before it gets new secrets, but for a group's right to read")
    func closed() throws {
        try lab.folder.write("0123456789abcdef\n".utf8, to: "ids.txt")
        #expect(chmod(lab.folder("ids.txt"), 0o644) == 0)
        try lab.importIds("ids.txt")
        #expect(try lab.mode("ids.txt") == 0o640)
        #expect(lab.said.contains { $0.hasPrefix("Nobody but its owner and group may read ") })
        #expect(chmod(lab.folder("ids.txt"), 0o606) == 0)
        try lab.newPi("north")
        #expect(try lab.mode("ids.txt") == 0o600)
        #expect(chmod(lab.folder("ids.txt"), 0o604) == 0)
        try lab.rotate("north")
        #expect(try lab.mode("ids.txt") == 0o600)
        let count = lab.said.count { $0.hasPrefix("Nobody but its owner") }
        try lab.newPi()
        #expect(lab.said.count { $0.hasPrefix("Nobody but its owner") } == count, "nothing is said where it is private")
    }

    @Test("an ids.txt that is to be made anew gets a private mode")
    func emptyIdentifiers() throws {
        try lab.newPi("north")
        try removeTree(lab.folder("ids.txt"))
        let failure = try lab.refusal { try lab.newPi("south") }
        #expect(failure.hint?.hasSuffix("install -m 600 /dev/null ids.txt") == true)
    }

    @Test("speaks of no digits where an import shows none")
    func keepSecrets() throws {
        try lab.folder.write("0123456789abcdef\n".utf8, to: "old.txt")
        try lab.importIds("old.txt", keepsSecrets: true)
        #expect(!lab.said.joined().contains("digits"))
        #expect(!lab.said.joined().contains("cdef"))
    }

    @Test("an import of what is no file of ids says what is needed")
    func noFile() throws {
        try lab.initialize()
        #expect(try importing("missing.txt").hint == "give the path of the old system's ids.txt")
        #expect(try importing("missing.txt").exitCode == .noInput)
        #expect(mkfifo(lab.folder("fifo"), 0o600) == 0)
        let fifo = try failure(CommandFailure.self) { try lab.importIds("fifo") }
        #expect(fifo.hint?.hasPrefix("it is no regular file") == true)
        let folder = try failure(CommandFailure.self) { try lab.importIds("pis") }
        #expect(folder.hint?.hasSuffix("/pis/ids.txt") == true)
        try lab.folder.write([], to: "huge")
        #expect(truncate(lab.folder("huge"), 1 << 30) == 0)
        let huge = try failure(CommandFailure.self) { try lab.importIds("huge") }
        #expect(huge.hint?.contains("at most 8 MiB") == true)
    }

    @Test("a folder for copies that cannot be made, or a file in the place of certs")
    func folders() throws {
        try lab.initialize()
        let out = try lab.refusal { try lab.newPi("south", out: lab.folder("no/such")) }
        #expect(out.message == "--out \(lab.folder("no/such")) cannot be used" && out.exitCode == .cannotCreate)
        #expect(out.hint?.hasPrefix("give a folder into which you may write") == true)
        let other = try TestDeployment()
        try other.folder.write([], to: "certs")
        #expect(try other.refusal { try other.newPi() }.hint?.hasPrefix("something else has that name") == true)
    }

    @Test("names a folder that exists where something may not be made in it")
    func permissions() {
        let missing = SystemCallError("open", lab.folder("pis/.staging"), code: EACCES)
        #expect(hint(for: missing)?.hasPrefix("see whose it is: ls -ld \(lab.folder.path);") == true)
        #expect(
            hint(for: SystemCallError("open", "./.ids.txt.new", code: EACCES))?.hasPrefix(
                "see whose it is: ls -ld .;") == true)
        for code in [ENOENT, EEXIST, EMFILE, ENFILE, EFBIG, ENOSPC] {
            #expect(hint(for: SystemCallError("open", "x", code: code)) != nil)
        }
    }

    @Test("copies that cannot take their names leave no secret behind")
    func copies() throws {
        let stick = lab.folder("stick")
        try makeFolder(stick, mode: 0o700)
        try lab.newPi("north")
        let copies = try BundleCopies(in: stick, of: [#require(PiName("north"))])
        // What comes up meanwhile: a folder, in whose place no file can be renamed.
        try makeFolder("\(stick)/north.tar.gz", mode: 0o700)
        #expect(throws: CommandFailure.self) { try copies.write(from: lab.deployment) }
        #expect(try namesInFolder(stick) == ["north.tar.gz"])
    }

    @Test("words that are lost are told with an exit code, and what was done stays")
    func fullOutput() async throws {
        let provision = Program.path("provision")
        let outcome = try await Program.run(
            "/bin/sh", ["-c", "'\(provision)' new-pi north > /dev/full"], in: lab.folder.path)
        #expect(outcome.exitCode == 74)
        #expect(outcome.errors.hasPrefix("what was done is done, but the output could not be written: No space left"))
        try lab.expectWhole()
        let closed = try await Program.run(
            "/bin/sh", ["-c", "'\(provision)' new-pi south | true"], in: lab.folder.path)
        #expect(closed.exitCode == 0 && closed.errors == "")
    }

    @Test("what was typed is shown without its escape sequences")
    func escapes() async throws {
        let outcome = try await Program.run("provision", ["revoke", "\u{1B}[31mx"], in: lab.folder.path)
        #expect(outcome.exitCode == 64)
        #expect(outcome.errors.contains("'\\u{1b}[31mx' is no name for a Pi") && !outcome.errors.contains("\u{1B}"))
        let help = try await Program.run("provision", ["revoke", "--help"], in: lab.folder.path)
        #expect(help.exitCode == 0 && help.output.contains("USAGE") && help.errors == "")
    }
}
