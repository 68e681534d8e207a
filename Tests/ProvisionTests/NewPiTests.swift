import CommandSupport
import Files
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("provision new-pi")
struct NewPiTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
    }

    @Test("makes on first use all that the receiver and a Pi need, each with its mode")
    func firstUse() throws {
        try lab.newPi()
        let certificate = try #require(try Certificate.all(inPEM: lab.folder.read("certs/server.pem")).first)
        let copy = "certs/receiver/\(certificate.fingerprint).pem"
        let modes: [String: mode_t] = [
            "certs": 0o700, "certs/ca.pem": 0o644, "certs/ca.key": 0o600, "certs/server.pem": 0o600,
            "certs/.lock": 0o600,
            copy: 0o644, "ids.txt": 0o600, "received_files": 0o750, ".gitignore": 0o644,
            "pis": 0o700, "pis/pi-01": 0o700, "pis/pi-01.tar.gz": 0o600,
            "pis/pi-01/secret.py": 0o600, "pis/pi-01/pi.pem": 0o600, "pis/pi-01/ca.pem": 0o600,
        ]
        for (name, mode) in modes { #expect(try lab.mode(name) == mode, "\(name)") }
        let files = modes.keys.filter { !["certs", "received_files", "pis", "pis/pi-01"].contains($0) }
        #expect(lab.folder.files() == files.sorted())
        try lab.expectWhole()
    }

    @Test("says what it made and what to type next, and never the secret")
    func words() throws {
        try lab.newPi("greenhouse")
        let said = lab.said.joined(separator: "\n")
        for name in ["certs/ca.pem", "certs/ca.key", "certs/server.pem", "ids.txt", "received_files/", ".gitignore"] {
            #expect(said.contains(lab.folder(name)), "\(name)")
        }
        #expect(said.contains("secure-receiver --cert \(lab.folder("certs/server.pem"))"))
        #expect(said.contains("scp \(lab.folder("pis/greenhouse.tar.gz")) pi@greenhouse.local:"))
        #expect(said.contains("  tar xzf greenhouse.tar.gz && rm greenhouse.tar.gz\n  cd greenhouse\n  secure-sender "))
        let line = try #require(lab.text("ids.txt").split(separator: "\n").last)
        #expect(line.hasSuffix(" greenhouse"))
        #expect(!said.contains(line.prefix(16)))
    }

    @Test("changes nothing of what is there when it makes a second Pi, but for the line that it adds")
    func second() throws {
        try lab.newPi()
        let before = try lab.contents()
        try lab.newPi()
        let after = try lab.contents()
        for (name, bytes) in before where name != "ids.txt" { #expect(after[name] == bytes, "\(name)") }
        let lines = try lab.text("ids.txt").split(separator: "\n")
        #expect(try #require(after["ids.txt"]).starts(with: try #require(before["ids.txt"])))
        #expect(lines.last?.hasSuffix(" pi-02") == true)
        #expect(lab.said.filter { $0.contains("secure-receiver --cert") }.count == 1)
    }

    @Test("draws 16 lower-case hexadecimal digits, others for each Pi, the same in both files")
    func secrets() throws {
        for _ in 1...5 { try lab.newPi() }
        var seen: Set<Substring> = []
        for line in try lab.text("ids.txt").split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            #expect(words.count == 2 && words[0].count == 16 && words[0].allSatisfy { "0123456789abcdef".contains($0) })
            #expect(seen.insert(words[0]).inserted)
            #expect(try lab.text("pis/\(words[1])/secret.py") == "secret='\(words[0])'\n")
        }
        #expect(seen.count == 5)
    }

    @Test("draws again when the secret is another's")
    func secretTwice() throws {
        try lab.folder.write("00000000000000aa\n00000000000000bb pi-07\n".utf8, to: "ids.txt")
        let identifiers = try #require(try IdentifierFile(reading: lab.folder("ids.txt")))
        var drawn = ["00000000000000aa", "00000000000000bb", "00000000000000cc"].map { PiSecret($0.utf8)! }[...]
        let secret = try uniqueSecret(in: identifiers) { drawn.removeFirst() }
        #expect(secret == PiSecret("00000000000000cc".utf8))
    }

    @Test("is refused inside of a deployment, and nothing is made there")
    func insideAnother() throws {
        try lab.newPi()
        for folder in ["pis", "certs", "pis/pi-01"] {
            let inside = Deployment(folder: lab.folder(folder))
            let before = lab.folder.files()
            let failure = try lab.refusal { _ = try DeploymentLock(inside) { _ in } }
            #expect(failure.message == "this folder lies inside of a deployment")
            #expect(lab.folder.files() == before)
        }
    }

    @Test("takes the next number that nothing has")
    func numbers() throws {
        try lab.initialize()
        try lab.folder.write("00000000000000aa pi-01\n00000000000000bb pi-04\n".utf8, to: "ids.txt")
        try lab.newPi("pi-03")
        try lab.folder.write([], to: "pis/pi-05.tar.gz")
        try lab.folder.write([], to: "pis/pi-06/kept")
        for _ in 1...2 { try lab.newPi() }
        #expect(
            try namesInFolder(lab.folder("pis")).filter { PiName($0) != nil } == ["pi-02", "pi-03", "pi-06", "pi-07"])
        let taken = (1...99).map { "00000000000000aa pi-\($0 < 10 ? "0" : "")\($0)" }.joined(separator: "\n")
        try lab.folder.write(taken.utf8, to: "ids.txt")
        try lab.newPi()
        #expect(try lab.mode("pis/pi-100") == 0o700)
    }

    @Test("refuses a name of which anything is there", arguments: ["ids.txt", "pis/north", "pis/north.tar.gz"])
    func taken(place: String) throws {
        try lab.newPi("other")
        switch place {
        case "ids.txt":
            try lab.folder.write(lab.folder.read("ids.txt") + Array("00000000000000aa north".utf8), to: place)
        case "pis/north": try makeFolder(lab.folder(place), mode: 0o700)
        default: try lab.folder.write([1], to: place)
        }
        let failure = try lab.refusal { try lab.newPi("north") }
        #expect(failure.message == "north exists already")
        #expect(failure.reason == "see \(lab.folder(place))")
        #expect(failure.hint?.contains("another name") == true)
        #expect(failure.exitCode == .cannotCreate)
    }

    @Test("refuses a name that exists before it makes anything in a new folder")
    func takenInNewFolder() throws {
        try lab.folder.write("00000000000000aa north\n".utf8, to: "ids.txt")
        _ = try lab.refusal { try lab.newPi("north") }
        #expect(try namesInFolder(lab.folder.path) == ["ids.txt"])
    }

    @Test("packs the Pi's folder as root's, with the modes of its files")
    func tar() async throws {
        try lab.newPi("north")
        let list = try await Program.run(
            "/usr/bin/env", ["tar", "tvzf", lab.folder("pis/north.tar.gz"), "--numeric-owner"])
        #expect(list.exitCode == 0)
        let entries = list.output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(entries.compactMap(\.last).sorted() == ["north/", "north/ca.pem", "north/pi.pem", "north/secret.py"])
        for entry in entries {
            #expect(entry[0] == (entry.last == "north/" ? "drwx------" : "-rw-------"))
            #expect(entry[1] == "0/0")
        }
        let elsewhere = try TemporaryFolder()
        let unpacked = try await Program.run(
            "/usr/bin/env", ["tar", "xzf", lab.folder("pis/north.tar.gz")], in: elsewhere.path)
        #expect(unpacked.exitCode == 0)
        for name in PiIdentity.files {
            #expect(try elsewhere.read("north/\(name)") == lab.folder.read("pis/north/\(name)"))
        }
    }
}
