import CommandSupport
import Files
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("provision rotate")
struct RotationTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
        try lab.newPi("north")
        try lab.newPi("south")
    }

    @Test("adds a secret beside the old one, packs it, and takes the old one out at the end")
    func rotates() async throws {
        let old = try #require(try lab.secret("north"))
        let pem = try lab.folder.read("pis/north/pi.pem")
        try lab.rotate("north", .twoHundredFiftySix)
        let new = try #require(try lab.secret("north"))
        #expect(try lab.secrets("north") == [old, new])
        #expect(new.key.count == 64)
        #expect(try await lab.packed("north", "secret.py") == lab.folder.read("pis/north/secret.py"))
        #expect(try lab.folder.read("pis/north/pi.pem") == pem, "key and certificate stay")
        for file in ["pis/north/secret.py", "pis/north/pi.pem", "pis/north.tar.gz"] {
            #expect(try lab.mode(file) == 0o600)
        }
        #expect(try lab.check().map(\.mend) == [endOfRotation("north")])
        try lab.finishRotation("north")
        #expect(try lab.secrets("north") == [new])
        try lab.expectWhole()
        #expect(try lab.check() == [])
        let said = lab.said.joined()
        for secret in [old, new] {
            #expect(!said.contains(secret.key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }))
        }
    }

    @Test("puts the new line beside the Pi's own, and keeps what people put into its folder")
    func place() throws {
        try lab.folder.write("kept".utf8, to: "pis/north/notes.txt")
        try lab.rotate("north")
        let names = try lab.text("ids.txt").split(separator: "\n").filter { !$0.hasPrefix("#") }
            .compactMap { $0.split(separator: " ").last }
        #expect(names == ["north", "north", "south"])
        #expect(try lab.text("pis/north/notes.txt") == "kept")
    }

    @Test("is refused while the last one is not finished, for a revoked Pi, and without its folder")
    func refusals() throws {
        try lab.rotate("north")
        #expect(lab.said.contains("  provision bundle north --install pi@north.local"))
        let twice = try lab.refusal { try lab.rotate("north") }
        #expect(twice.message == "north has 2 secrets already")
        #expect(twice.hint?.hasSuffix("provision bundle north --install pi@north.local") == true)
        try lab.revoke("south")
        let revoked = try lab.refusal { try lab.rotate("south") }
        #expect(revoked.reason == "it was revoked on \(date(TestDeployment.now))")
        #expect(revoked.hint == "let it in again first: provision restore south")
        try lab.restore("south")
        try removeTree(lab.folder("pis/south"))
        #expect(try lab.refusal { try lab.rotate("south") }.message == "\(lab.folder("pis/south")) is missing")
    }

    @Test("is finished by the secret in the Pi's folder, whatever the order of the lines")
    func order() throws {
        try lab.rotate("north")
        let lines = try lab.text("ids.txt").split(separator: "\n")
        try lab.folder.write((lines.reversed().joined(separator: "\n") + "\n").utf8, to: "ids.txt")
        try lab.finishRotation("north")
        #expect(try lab.secrets("north") == [lab.secret("north")])
        try lab.finishRotation("north")
        #expect(lab.said.last?.contains("nothing to finish") == true)
        try lab.folder.write(
            lab.folder.read("ids.txt") + Array("00000000000000aa north\n".utf8), to: "ids.txt")
        try lab.folder.write("secret='00000000000000bb'".utf8, to: "pis/north/secret.py")
        #expect(try lab.refusal { try lab.finishRotation("north") }.exitCode == .dataError)
    }

    @Test("that was interrupted before its line never happened", arguments: ["pis/.replacing", "pis/.replacement"])
    func undone(folder: String) throws {
        let before = try lab.contents()
        for file in PiIdentity.files {
            try lab.folder.write(lab.folder.read("pis/north/\(file)"), to: "\(folder)/north/\(file)")
        }
        try lab.folder.write("secret='00000000000000cc'\n".utf8, to: "\(folder)/north/secret.py")
        #expect(try lab.check().map(\.mend) == ["provision init"])
        try lab.initialize()
        #expect(try lab.contents() == before)
    }

    @Test("that was interrupted behind its line is finished, however far it got", arguments: 0...4)
    func finished(moved: Int) throws {
        try lab.rotate("north")
        let whole = try lab.contents()
        let files = ["north.tar.gz", "north/pi.pem", "north/ca.pem", "north/secret.py"]
        for file in files[moved...] {
            try lab.folder.write(lab.folder.read("pis/\(file)"), to: "pis/.replacement/\(file)")
            #expect(chmod(lab.folder("pis/.replacement/\(file)"), 0o600) == 0)
            try lab.folder.write("old".utf8, to: "pis/\(file)")
        }
        if moved == 4 { try makeFolder(lab.folder("pis/.replacement"), mode: 0o700) }
        try lab.initialize()
        #expect(try lab.contents() == whole)
        #expect(try lab.check().map(\.mend) == [endOfRotation("north")])
    }

    @Test("by SIGKILL, at any moment, leaves what the next run puts right")
    func killed() async throws {
        for round in 0..<20 {
            let arguments = round % 2 == 0 ? ["rotate", "north"] : ["rotate", "north", "--finish"]
            let provision = try Program(starting: "provision", arguments, in: lab.folder.path)
            // Not to wait for anything: this is the fault that is made, sooner and later in each run.
            usleep(UInt32(round % 7) * 3_000 + UInt32.random(in: 0..<3_000))
            provision.send(signal: SIGKILL)
            _ = try await provision.outcome()
            try lab.initialize()
            #expect(try lab.check().allSatisfy { $0.mend == endOfRotation("north") })
        }
        try lab.finishRotation("north")
        try lab.expectWhole()
        #expect(try lab.check() == [])
    }
}
