import CommandSupport
import Files
import Glibc
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("ids.txt")
struct IdentifierFileTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
    }

    @Test(
        "keeps every byte that people wrote, and gets its new line in the same manner",
        arguments: [
            ("", "", "\n"), ("# the old ones\n\n  00000000000000AA\n", "", "\n"),
            ("00000000000000aa pi-07", "\n", "\n"),
            ("# a\r\n00000000000000aa pi-07\r\n", "", "\r\n"), ("00000000000000aa pi-07\r\n# last", "\r\n", "\r\n"),
            ("\u{FEFF}00000000000000aa\tpi-07   \n\n\n", "", "\n"),
        ])
    func preserved(text: String, separator: String, newline: String) throws {
        try lab.initialize()
        try lab.folder.write(text.utf8, to: "ids.txt")
        try lab.newPi("north")
        let new = try lab.folder.read("ids.txt")
        #expect(new.starts(with: Array((text + separator).utf8)))
        let line = String(decoding: new.dropFirst((text + separator).utf8.count), as: UTF8.self)
        #expect(line.utf8.count == 16 + " north".utf8.count + newline.utf8.count)
        #expect(line.hasSuffix(" north" + newline))
        #expect(try lab.identifiers().named[PiName("north")!]?.count == 1)
    }

    @Test("keeps its mode and owner")
    func mode() throws {
        try lab.folder.write([], to: "ids.txt")
        #expect(chmod(lab.folder("ids.txt"), 0o640) == 0)
        // Only root may give files away; for others the owner is their own anyway.
        if getuid() == 0 { #expect(chown(lab.folder("ids.txt"), 12345, 23456) == 0) }
        let before = try #require(try fileStatus(lab.folder("ids.txt")))
        try lab.newPi()
        let after = try #require(try fileStatus(lab.folder("ids.txt")))
        #expect(after.permissions == 0o640)
        #expect((after.st_uid, after.st_gid) == (before.st_uid, before.st_gid))
        #expect(after.st_ino != before.st_ino, "it is replaced as a whole")
    }

    @Test(
        "with an error is refused with file and line, and without its secret",
        arguments: [
            ("00000000000000aa pi-01\nsecretsecretsecret pi-02\n", "line 2 "), ("deadbeefdeadbeef Pi-01", "line 1 "),
            ("\n\ndeadbeefdeadbeef pi-01 x", "line 3 "), ("deadbeef", "line 1 "), ("\u{0}\u{1}", "line 1 "),
        ])
    func errors(text: String, place: String) throws {
        try lab.folder.write(text.utf8, to: "ids.txt")
        let failure = try lab.refusal { try lab.newPi() }
        #expect(failure.message == "\(lab.folder("ids.txt")) has an error")
        #expect(failure.reason?.contains(place) == true)
        #expect(failure.exitCode == .dataError)
        #expect(!failure.description.contains("deadbeef") && !failure.description.contains("secretsecret"))
        #expect(try namesInFolder(lab.folder.path) == ["ids.txt"])
    }

    @Test("that is a link or a folder is refused, because it cannot be replaced as a whole")
    func notRegular() throws {
        try lab.folder.write([], to: "elsewhere")
        #expect(symlink("elsewhere", lab.folder("ids.txt")) == 0)
        #expect(try lab.refusal { try lab.newPi() }.exitCode == .dataError)
        #expect(unlink(lab.folder("ids.txt")) == 0)
        try makeFolder(lab.folder("ids.txt"), mode: 0o700)
        #expect(try lab.refusal { try lab.newPi() }.exitCode == .dataError)
    }

    @Test("that is missing while there are Pis is not made anew, which would shut all of them out")
    func missing() throws {
        try lab.newPi()
        #expect(unlink(lab.folder("ids.txt")) == 0)
        let failure = try lab.refusal { try lab.newPi() }
        #expect(failure.message == "\(lab.folder("ids.txt")) is missing")
        #expect(failure.exitCode == .configuration)
    }

    @Test("that everyone may read, or a folder that everyone may change, is warned of")
    func warnings() throws {
        try lab.newPi()
        #expect(try lab.deployment.warnings() == [])
        #expect(chmod(lab.folder("ids.txt"), 0o644) == 0 && chmod(lab.folder.path, 0o777) == 0)
        #expect(try lab.deployment.warnings().count == 2)
    }
}
