import CommandSupport
import Files
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("An interrupted provision renew")
struct RenewInterruptionTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
        for name in ["north", "south"] { try lab.newPi(name) }
    }

    /// Connects every Pi, with what its folder holds and with what its tar holds.
    private func expectUsable(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let receiver = try Side(receiverOf: lab)
        for pi in try namesInFolder(lab.folder("pis")).compactMap({ PiName($0) }) {
            var side = try Side(pi.text, of: lab)
            try connect(receiver: receiver, pi: side)
            let tar = try await lab.unpacked(pi.text)
            side.pem = try #require(tar["\(pi)/pi.pem"])
            side.roots = try #require(tar["\(pi)/ca.pem"])
            try connect(receiver: receiver, pi: side)
        }
        let certificate = try lab.certificate("certs/server.pem")
        #expect(try lab.mode("certs/receiver/\(certificate.fingerprint).pem") != nil, sourceLocation: sourceLocation)
    }

    private func expectTidy(sourceLocation: SourceLocation = #_sourceLocation) throws {
        try lab.expectWhole(sourceLocation: sourceLocation)
        #expect(
            try namesInFolder(lab.folder("certs")).filter { $0.hasPrefix(".") } == [".lock"],
            sourceLocation: sourceLocation)
    }

    @Test("that had not decided yet leaves no trace")
    func undecided() throws {
        let before = try lab.contents()
        try lab.folder.write("half".utf8, to: "certs/.change.new/server.pem")
        try lab.folder.write("half".utf8, to: "pis/.replacing/north/pi.pem")
        try lab.renew(.all, within: 1)
        #expect(try lab.contents() == before)
        try expectTidy()
    }

    @Test("of certs/ that had decided is finished by the next run, wherever it stopped", arguments: 0...3)
    func decided(moved: Int) throws {
        let names = ["server.pem", "ca.pem", "ca.key", "ca.next.key"]
        try lab.renew(.authority)
        let before = try lab.contents()
        try lab.renew(.authorityFinish(isCopied: true))
        let after = try lab.contents()
        for name in names {
            try lab.folder.write(#require(before["certs/\(name)"]), to: "certs/\(name)")
            try lab.folder.write(
                after["certs/\(name)"] ?? [], to: "certs/.change/\(name)\(name == "ca.next.key" ? ".removed" : "")")
        }
        for name in names[..<moved] {
            #expect(rename(lab.folder("certs/.change/\(name)"), lab.folder("certs/\(name)")) == 0)
        }
        try lab.renew(.all, within: 1)
        #expect(try lab.contents() == after)
        try expectTidy()
    }

    @Test("of Pis that had decided is finished by the next run, wherever it stopped", arguments: 0...4)
    func decidedPis(moved: Int) throws {
        let names = ["north.tar.gz", "north/pi.pem", "north/ca.pem", "north/secret.py"]
        let before = try lab.contents()
        try lab.renew(.pis([PiName("north")!]))
        let after = try lab.contents()
        for name in names[moved...] {
            try lab.folder.write(#require(after["pis/\(name)"]), to: "pis/.replacement/\(name)")
            try lab.folder.write(#require(before["pis/\(name)"]), to: "pis/\(name)")
        }
        try makeFolder(lab.folder("pis/.replacement"), mode: 0o700)
        try makeFolder(lab.folder("pis/.replacement/north"), mode: 0o700)
        try lab.renew(.all, within: 1)
        #expect(try lab.contents() == after)
        try expectTidy()
    }

    @Test("of a Pi that a line without a name serves is finished too")
    func bareLine() throws {
        let secret = try #require(try lab.secret("north")).key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        try lab.removeLine(of: "north")
        try lab.folder.write(lab.folder.read("ids.txt") + Array("\(secret)\n".utf8), to: "ids.txt")
        let before = try lab.contents()
        try lab.renew(.pis([PiName("north")!]))
        let after = try lab.contents()
        for name in ["north/pi.pem", "north/ca.pem", "north/secret.py"] {
            try lab.folder.write(#require(after["pis/\(name)"]), to: "pis/.replacement/\(name)")
            try lab.folder.write(#require(before["pis/\(name)"]), to: "pis/\(name)")
        }
        try lab.initialize()
        #expect(try lab.contents() == after)
    }

    @Test("by SIGKILL, at any moment, leaves a receiver and Pis that know one another, and the next run tidies up")
    func killed() async throws {
        let commands = [
            ["renew", "north"], ["renew", "--server"], ["renew", "--all", "--new-key"], ["renew", "--ca"],
            ["bundle", "south"], ["renew", "--ca", "--finish", "--copied"],
        ]
        var killed = 0
        for round in 0..<60 {
            let provision = try Program(starting: "provision", commands[round % commands.count], in: lab.folder.path)
            // Not to wait for anything: this is the fault that is made, sooner and later in each run.
            usleep(UInt32.random(in: 0..<60_000))
            provision.send(signal: SIGKILL)
            if try await provision.outcome().exitCode == 128 + SIGKILL { killed += 1 }
            try await expectUsable()
            if round % 4 == 3 {
                try lab.renew(.pis([PiName("north")!]), within: 0)
                try expectTidy()
            }
        }
        #expect(killed > 0)
    }

    @Test("that fails before it has decided changes nothing")
    func failed() async throws {
        let before = try lab.contents()
        for command in ["renew north", "renew --all", "bundle north"] {
            // No file may become larger than 512 bytes (sh(1), ulimit): a certificate is.
            let outcome = try await Program.run(
                "/bin/sh", ["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \(command)", Program.path("provision")],
                in: lab.folder.path)
            #expect(outcome.exitCode == 74, "\(outcome.errors)")
            #expect(outcome.errors.hasPrefix("cannot write pis/.replacing/north/pi.pem: File too large"))
            #expect(try lab.contents() == before)
        }
        try expectTidy()
    }
}
