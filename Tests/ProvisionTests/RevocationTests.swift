import CommandSupport
import Files
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("provision revoke and restore")
struct RevocationTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
        for name in ["north", "south", "east"] { try lab.newPi(name) }
    }

    @Test("take one line out of force and back, and keep every other byte")
    func there() throws {
        let whole = Array(
            "\u{FEFF}# the roof\r\n\r\n00000000000000AA  north\t\r\n  00000000000000bb south\r\n# last".utf8)
        try lab.folder.write(whole, to: "ids.txt")
        try lab.revoke("north")
        #expect(try lab.secrets("north").isEmpty && lab.secrets("south").count == 1)
        let mark = Array("# revoked \(date(TestDeployment.now)): ".utf8)
        #expect(try lab.folder.read("ids.txt").count == whole.count + mark.count)
        try lab.restore("north")
        #expect(try lab.folder.read("ids.txt") == whole)
    }

    @Test(
        "work on the first line behind a byte order mark and on the last without an end", arguments: ["north", "south"])
    func edges(name: String) throws {
        let whole = Array("\u{FEFF}00000000000000aa north\n00000000000000bb south".utf8)
        try lab.folder.write(whole, to: "ids.txt")
        try lab.revoke(name)
        #expect(try lab.secrets(name).isEmpty)
        #expect(try lab.identifiers().named.count == 1)
        try lab.restore(name)
        #expect(try lab.folder.read("ids.txt") == whole)
    }

    @Test("keep the identity, and do nothing a second time")
    func again() throws {
        let before = try lab.contents()
        try lab.revoke("north")
        let revoked = try lab.contents()
        #expect(revoked.filter { $0.key != "ids.txt" } == before.filter { $0.key != "ids.txt" })
        try lab.revoke("north")
        #expect(try lab.contents() == revoked)
        #expect(lab.said.contains("north was revoked already, on \(date(TestDeployment.now))."))
        try lab.restore("north")
        #expect(try lab.contents() == before)
        try lab.restore("north")
        #expect(try lab.contents() == before)
    }

    @Test("take and give both secrets of a Pi that has two")
    func rotated() throws {
        try lab.rotate("north")
        let whole = try lab.folder.read("ids.txt")
        try lab.revoke("north")
        #expect(try lab.secrets("north").isEmpty)
        try lab.restore("north")
        #expect(try lab.folder.read("ids.txt") == whole)
    }

    @Test("bring a line back that was deleted by hand, from the secret that is kept")
    func deleted() throws {
        let secret = try lab.secret("north")
        let lines = try lab.text("ids.txt").split(separator: "\n").filter { !$0.hasSuffix(" north") }
        try lab.folder.write((lines.joined(separator: "\n") + "\n").utf8, to: "ids.txt")
        try lab.revoke("north")
        #expect(lab.said.last?.contains("shut out already") == true)
        try lab.restore("north")
        #expect(try lab.secrets("north") == [secret])
        try lab.expectWhole()
    }

    @Test("refuse a name that there is not, and name those that resemble it")
    func unknown() throws {
        for body in [lab.revoke, lab.restore, { try lab.rotate($0) }, lab.finishRotation] {
            let failure = try lab.refusal { try body("nort") }
            #expect(failure.message == "there is no Pi nort")
            #expect(failure.hint == "did you mean north? See them all: provision list")
            #expect(failure.exitCode == .noInput)
        }
        #expect(try lab.refusal { try lab.revoke("zzzzzzzzz") }.hint == "see them all: provision list")
    }

    @Test("refuse a folder that holds no deployment, and leave nothing in it")
    func nowhere() throws {
        let other = try TestDeployment()
        for body in [other.revoke, other.restore, { try other.rotate($0) }] {
            #expect(try other.refusal { try body("north") }.exitCode == .configuration)
            #expect(try namesInFolder(other.folder.path) == [])
        }
        #expect(try other.refusal { _ = try other.check() }.exitCode == .configuration)
    }

    @Test("keep a revoked name from being given again")
    func name() throws {
        try lab.revoke("north")
        for file in ["pis/north", "pis/north.tar.gz"] { try removeTree(lab.folder(file)) }
        let failure = try lab.refusal { try lab.newPi("north") }
        #expect(failure.hint?.contains("provision restore north") == true)
    }

    @Test("warn that a line without a name still serves whoever has the certificate")
    func bare() throws {
        let lines = (0..<70).map { "\($0 < 10 ? "0" : "")\($0)00000000000000\n" }.joined()
        try lab.folder.write(lab.folder.read("ids.txt") + Array(lines.utf8), to: "ids.txt")
        try lab.revoke("north")
        #expect(lab.said.last?.hasPrefix("warning: \(lab.folder("ids.txt")) has 70 lines without a name.") == true)
        let identifiers = try IdentifierList(parsing: lab.folder.read("ids.txt"), mostBareSecrets: .max)
        #expect(identifiers.named[PiName("north")!] == nil, "more lines than the receiver takes do not keep a Pi in")
    }

    @Test("do not undo what somebody types meanwhile, nor does a new Pi")
    func meanwhile() throws {
        let north = try parsePiName("north")
        var calls = 0
        try IdentifierFile.edit(lab.folder("ids.txt")) { file in
            calls += 1
            // As an editor does it: between our reading and our writing.
            if calls == 1 { try lab.revoke("south") }
            file.replace { $0.isActive(of: north) ? $0.revoked(on: "2026-07-31") : nil }
        }
        #expect(calls == 2)
        #expect(try lab.identifiers().named.keys.map(\.text) == ["east"])
        let again = try lab.text("ids.txt")
        #expect(again.split(separator: "\n").filter { $0.hasPrefix("# revoked ") }.count == 2)
        #expect(!lab.folder.files().contains(".ids.txt.new"))
    }

    @Test("say what shuts a Pi out where nothing can be written")
    func noRoom() async throws {
        let before = try lab.contents()
        // As on a full disk (setrlimit(2), RLIMIT_FSIZE); the pipe, because our own log is a file too.
        let script = "trap '' XFSZ; { ulimit -f 0; \"$0\" revoke north; } 2>&1 | cat"
        let outcome = try await Program.run(
            "/bin/bash", ["-c", script, Program.path("provision")], in: lab.folder.path)
        #expect(outcome.output.hasPrefix("north is not revoked: cannot write "))
        #expect(outcome.output.contains("\n  hint: stop the receiver if it is urgent"))
        let isUnchanged = try lab.contents() == before
        #expect(isUnchanged)
    }

    @Test("give up on a file that never stays as it is")
    func restless() throws {
        let failure = try failure(CommandFailure.self) {
            try IdentifierFile.edit(lab.folder("ids.txt")) { file in
                let text = try lab.folder.read("ids.txt")
                try lab.folder.write(text + [10], to: "ids.txt")
                file.appendComment("# mine")
            }
        }
        #expect(failure.exitCode == .temporaryFailure)
        #expect(try !lab.text("ids.txt").contains("# mine"))
    }
}
