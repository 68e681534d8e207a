import CommandSupport
import Files
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("An interrupted provision new-pi")
struct InterruptionTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
    }

    /// What a run leaves that was cut before one of its moves.
    private func unpublish(_ name: String, tarToo: Bool) throws {
        try makeFolder(lab.folder("pis/.staging"), mode: 0o700)
        try moveFolderToNewName(lab.folder("pis/\(name)"), lab.folder("pis/.staging/\(name)"))
        if tarToo { try moveFileToNewName(lab.folder("pis/\(name).tar.gz"), lab.folder("pis/.staging/\(name).tar.gz")) }
    }

    @Test("whose line is there is finished, whatever had its name yet", arguments: [true, false])
    func finished(tarToo: Bool) throws {
        try lab.newPi("north")
        let whole = try lab.contents()
        try unpublish("north", tarToo: tarToo)
        try lab.newPi("north")
        #expect(try lab.contents() == whole)
        #expect(lab.said.contains("Finished north, which an interrupted run had left half made."))
        try lab.expectWhole()
        try unpublish("north", tarToo: tarToo)
        try lab.newPi("south")
        try lab.expectWhole()
    }

    @Test("whose line is not there never happened, and its name is free", arguments: [true, false])
    func undone(tarToo: Bool) throws {
        try lab.newPi("north")
        try unpublish("north", tarToo: true)
        if !tarToo { try removeTree(lab.folder("pis/.staging/north.tar.gz")) }
        let secret = try lab.text("pis/.staging/north/secret.py")
        try lab.removeLine(of: "north")
        try lab.newPi("north")
        try lab.expectWhole()
        #expect(try lab.text("pis/north/secret.py") != secret)
    }

    @Test("whose line was taken out again, or changed, is not brought back")
    func revoked() throws {
        try lab.newPi("north")
        try unpublish("north", tarToo: true)
        try lab.removeLine(of: "north")
        try lab.folder.write(lab.folder.read("ids.txt") + Array("00000000000000aa north\n".utf8), to: "ids.txt")
        let failure = try failure(CommandFailure.self) { try lab.newPi("north") }
        #expect(failure.message == "north exists already")
        #expect(lab.folder.files(below: "pis") == [])
    }

    @Test("whose place was taken meanwhile says what stands in the way")
    func obstacle() throws {
        try lab.newPi("north")
        try unpublish("north", tarToo: false)
        try lab.folder.write([1], to: "pis/north/mine")
        let failure = try lab.refusal { try lab.newPi("south") }
        #expect(failure.message == "\(lab.folder("pis/north")) stands in the way of an interrupted run's north")
        try removeTree(lab.folder("pis/north"))
        try lab.newPi("south")
        try lab.expectWhole()
    }

    @Test(
        "that left half a folder, an empty one, or half an ids.txt leaves no trace",
        arguments: [["pis/.staging/pi-01/secret.py"], ["pis/.staging/x"], [".ids.txt.new"], ["certs/.lock"]])
    func remains(names: [String]) throws {
        try lab.newPi("north")
        for name in names { try lab.folder.write("secret='00".utf8, to: name) }
        try lab.newPi()
        try lab.expectWhole()
    }

    @Test("goes on with what its first use had made already", arguments: 0...6)
    func firstUse(pieces: Int) throws {
        try lab.newPi()
        // In the order in which they are made; the later ones are gone.
        let order = [
            "certs/ca.key", "certs/ca.pem", "certs/receiver", "certs/server.pem", "ids.txt", "received_files", "pis",
        ]
        let kept = try order[..<pieces].filter { lab.folder.files().contains($0) }.map { ($0, try lab.folder.read($0)) }
        for name in order[pieces...] { try removeTree(lab.folder(name)) }
        if pieces >= 5 { try lab.folder.write([], to: "ids.txt") }
        try lab.newPi()
        try lab.expectWhole()
        for (name, bytes) in kept where name != "ids.txt" { #expect(try lab.folder.read(name) == bytes, "\(name)") }
    }

    @Test("by SIGKILL, at any moment, is put right by the next run")
    func killed() async throws {
        for round in 0..<30 {
            let provision = try Program(starting: "provision", ["new-pi"], in: lab.folder.path)
            // Not to wait for anything: this is the fault that is made, sooner and later in each run.
            usleep(UInt32(round % 10) * 4_000 + UInt32.random(in: 0..<4_000))
            provision.send(signal: SIGKILL)
            _ = try await provision.outcome()
            if round % 3 == 2 {
                try lab.newPi()
                try lab.expectWhole()
            }
        }
        let identifiers = try lab.identifiers()
        #expect(identifiers.named.count >= 10 && identifiers.bare.isEmpty)
    }
}
