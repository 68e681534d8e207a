import CommandSupport
import Files
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("provision new-pi --count")
struct ManyPisTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
    }

    @Test("makes many Pis at once, each whole, with a secret of its own", arguments: SecretBits.allCases)
    func many(bits: SecretBits) throws {
        try lab.newPi(count: 20, secretBits: bits)
        try lab.expectWhole()
        let secrets = try lab.identifiers().named.values.flatMap { $0 }
        #expect(secrets.count == 20 && secrets.allSatisfy { $0.key.count == bits.rawValue / 4 })
        #expect(Set(try lab.text("ids.txt").split(separator: "\n")).count == 22)
        #expect(try lab.check() == [])
        #expect(lab.said.contains { $0.hasPrefix("Made 20 Pis, pi-01 to pi-20, with certificates until ") })
    }

    @Test("removes what interrupted copies left, but no folder of such a name")
    func remains() throws {
        try lab.folder.write([1], to: "stick/.north.tar.gz.new")
        try lab.folder.write([1], to: "stick/.south.tar.gz.new/file")
        try lab.newPi("west", out: lab.folder("stick"))
        #expect(lab.folder.files(below: "stick") == [".south.tar.gz.new/file", "west.tar.gz"])
    }

    @Test("takes the free numbers of a series, of which a name may be the beginning")
    func series() throws {
        try lab.newPi("roof-02")
        try lab.newPi("roof", count: 3)
        try lab.newPi(count: 2)
        #expect(
            try namesInFolder(lab.folder("pis")).filter { PiName($0) != nil } == [
                "pi-01", "pi-02", "roof-01", "roof-02", "roof-03", "roof-04",
            ])
        let longest = String(repeating: "a", count: 62)
        #expect(try lab.refusal { try lab.newPi(longest, count: 2) }.exitCode == .usage)
    }

    @Test("puts copies of the tars into another folder, and overwrites none there")
    func out() throws {
        let stick = lab.folder("stick")
        try lab.newPi(count: 10, out: stick)
        #expect(try namesInFolder(stick).count == 10)
        #expect(try lab.folder.read("stick/pi-07.tar.gz") == lab.folder.read("pis/pi-07.tar.gz"))
        #expect(try lab.mode("stick/pi-07.tar.gz") == 0o600)
        try lab.folder.write([1], to: "stick/north.tar.gz")
        let taken = try lab.refusal { try lab.newPi("north", out: stick) }
        #expect(taken.message == "\(stick)/north.tar.gz exists already")
        // A full stick: the Pi is there all the same, and it is said.
        let full = try failure(CommandFailure.self) { try lab.newPi("east", out: "/proc/self/fd") }
        #expect(full.message == "the copies in /proc/self/fd are not complete")
        #expect(lab.said.contains { $0.hasPrefix("Made east, ") })
        try lab.newPi("south", out: stick)
        #expect(try lab.folder.read("stick/south.tar.gz") == lab.folder.read("pis/south.tar.gz"))
    }

    @Test("removes the half copies that an interrupted run left beside the tars, and nothing else")
    func outRemains() throws {
        for name in [".west.tar.gz.new", ".notes.tar.gz.newer", ".West.tar.gz.new"] {
            try lab.folder.write([1], to: "stick/\(name)")
        }
        try lab.newPi("north", out: lab.folder("stick"))
        #expect(
            try namesInFolder(lab.folder("stick")) == [".West.tar.gz.new", ".notes.tar.gz.newer", "north.tar.gz"])
    }

    @Test("is refused where a line of one of the names comes up while they are made")
    func meanwhile() throws {
        try lab.newPi("north")
        let identifiers = try #require(try IdentifierFile(reading: lab.folder("ids.txt")))
        var identity = try PiIdentity(reading: lab.folder("pis/north"), name: parsePiName("north"))
        identity.secret = try PiSecret()
        _ = try lab.refusal {
            try lab.deployment.make([identity], roots: lab.deployment.roots()) {
                try IdentifierFile.edit(identifiers.path) { try $0.add([identity]) }
            }
        }
        try lab.expectWhole()
    }

    @Test("refuses numbers that make no sense", arguments: ["0", "-1", "10001", "many"])
    func counts(count: String) async throws {
        let outcome = try await Program.run("provision", ["new-pi", "--count=\(count)"], in: lab.folder.path)
        #expect(outcome.exitCode == 64)
        #expect(try namesInFolder(lab.folder.path) == [])
    }

    @Test("by SIGKILL, at any moment, makes all or none; the same command again makes the number full")
    func killed() async throws {
        for round in 0..<10 {
            let provision = try Program(
                starting: "provision", ["new-pi", "r\(round)", "--count", "12"], in: lab.folder.path)
            // Not to wait for anything: this is the fault that is made, sooner and later in each run.
            usleep(UInt32(round) * 8_000 + UInt32.random(in: 0..<8_000))
            provision.send(signal: SIGKILL)
            _ = try await provision.outcome()
            try lab.initialize()
            let made = try lab.identifiers().named.keys.count { $0.text.hasPrefix("r\(round)-") }
            #expect(made == 0 || made == 12)
            #expect(try lab.check() == [])
        }
        try lab.expectWhole()
    }
}
