import CommandSupport
import Files
import Glibc
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("provision import")
struct ImportTests {
    let lab: TestDeployment
    private let old = "00000000000077A0\r\n\r\n# cellar\n000000000000c4e1\n\n000000000000c4e1\n000000000000beef"

    init() throws {
        lab = try TestDeployment()
        try lab.folder.write(old.utf8, to: "old.txt")
    }

    @Test("makes of each old id a Pi with a name, a certificate and a new secret")
    func makes() throws {
        try lab.importIds("old.txt")
        let identifiers = try lab.identifiers()
        #expect(identifiers.named.keys.map(\.text).sorted() == ["pi-01", "pi-02", "pi-03"])
        #expect(identifiers.bare.isEmpty)
        for secret in identifiers.named.values.flatMap({ $0 }) {
            #expect(
                !["00000000000077a0", "000000000000c4e1", "000000000000beef"].contains { PiSecret($0.utf8) == secret })
        }
        try lab.expectWhole()
        #expect(try lab.check() == [])
        #expect(try lab.folder.read("old.txt") == Array(old.utf8))
        for line in ["  line 1  …77a0  pi-01", "  line 4  …c4e1  pi-02", "  line 7  …beef  pi-03"] {
            #expect(lab.said.contains(line))
        }
        #expect(lab.said.contains("Passed over what stands there twice: line 6."))
        #expect(!lab.said.joined().contains("000077"))
    }

    @Test("does the same file again only for what has been added to it")
    func again() throws {
        try lab.importIds("old.txt")
        let before = try lab.contents()
        try lab.importIds("old.txt")
        #expect(try lab.contents() == before)
        #expect(lab.said.contains("Passed over 3 that have a name already: lines 1, 4, 7."))
        try lab.folder.write((old + "\n000000000000cafe\n").utf8, to: "old.txt")
        try lab.importIds("old.txt")
        #expect(try lab.identifiers().named.count == 4)
        try lab.expectWhole()
    }

    @Test("takes this folder's own ids.txt, more lines than the receiver bears too, and puts them out of force")
    func own() throws {
        let lines = (10..<90).map { "00000000000000\($0)\r\n" }.joined()
        try lab.initialize()
        try lab.folder.write("# ours\r\n00000000000000aa cellar\r\n\(lines)# end\r\n".utf8, to: "ids.txt")
        try lab.importIds("ids.txt")
        let identifiers = try lab.identifiers()
        #expect(identifiers.bare.isEmpty && identifiers.named.count == 81)
        let text = try lab.text("ids.txt").replacing("\r\n", with: "\n")
        #expect(text.hasPrefix("# ours\n00000000000000aa cellar\n# imported "))
        #expect(text.contains(": 0000000000000010 pi-01\n") && text.contains("\n# end\n"))
        #expect(try !lab.text("ids.txt").replacing("\r\n", with: "").contains("\n"), "the line ends stay")
        try lab.importIds("ids.txt")
        #expect(try lab.identifiers().named.count == 81)
    }

    @Test("keeps old secrets if it must, shows nothing of them, and warns")
    func keeps() throws {
        try lab.importIds("old.txt", keepsSecrets: true)
        #expect(try lab.secrets("pi-02") == [PiSecret("000000000000c4e1".utf8)!])
        #expect(try lab.secret("pi-01") == PiSecret("00000000000077a0".utf8)!)
        try lab.expectWhole()
        #expect(lab.said.contains("  line 4  pi-02"))
        #expect(!lab.said.joined().contains("c4e1"))
        #expect(lab.said.last?.hasPrefix("warning: the old secrets went over the network in clear") == true)
        try lab.importIds("old.txt", keepsSecrets: true)
        #expect(try lab.identifiers().named.count == 3)
    }

    @Test("keeps them in this folder's own ids.txt too")
    func keepsOwn() throws {
        try lab.folder.write("00000000000077a0\n".utf8, to: "ids.txt")
        try lab.importIds("ids.txt", keepsSecrets: true)
        #expect(try lab.identifiers().bare.isEmpty)
        #expect(try lab.secrets("pi-01") == [PiSecret("00000000000077a0".utf8)!])
        try lab.expectWhole()
    }

    @Test(
        "refuses what is no old ids.txt, says which line, and makes nothing",
        arguments: [
            ("deadbeef", "line 1 "), ("00000000000077a0\n\nzzzzzzzzzzzzzzzz\n", "line 3 "),
            ("\u{0}\u{1}\u{2}", "line 1 "),
            ("00000000000077a0 pi-01\n", "line 1 has a name"), ("00000000000077a0 pi-01 x\n", "line 1 "),
        ])
    func refuses(text: String, reason: String) throws {
        try lab.folder.write(text.utf8, to: "old.txt")
        let failure = try lab.refusal { try lab.importIds("old.txt") }
        #expect(failure.message == "\(lab.folder("old.txt")) cannot be used")
        #expect(failure.reason?.hasPrefix(reason) == true)
        #expect(failure.exitCode == .dataError && !failure.description.contains("deadbeef"))
        #expect(try namesInFolder(lab.folder.path) == ["old.txt"])
    }

    @Test("refuses what is missing, a folder, a pipe, or far too large")
    func notFiles() throws {
        #expect(truncate(lab.folder("old.txt"), 1 << 30) == 0)
        #expect(try lab.refusalOfUnread("old.txt").contains("File too large"))
        #expect(mkfifo(lab.folder("pipe"), 0o600) == 0)
        for name in ["missing", "pipe", ""] { #expect(try lab.refusalOfUnread(name).hasPrefix("cannot ")) }
        #expect(try namesInFolder(lab.folder.path) == ["old.txt", "pipe"])
    }
}

extension TestDeployment {
    fileprivate func refusalOfUnread(_ name: String) throws -> String {
        try failure(CommandFailure.self) { try importIds(name) }.message
    }
}
