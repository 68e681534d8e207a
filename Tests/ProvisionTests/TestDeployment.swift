import CommandSupport
import Files
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

/// What `check` names for a Pi that has two secrets: first the Pi gets the new one.
func endOfRotation(_ name: String) -> String {
    "provision bundle \(name) # bring it to the Pi, and once that has sent something: provision rotate \(name) --finish"
}

/// A deployment of one test's own, in a folder of its own.
final class TestDeployment {
    static let now = Int64(Date().timeIntervalSince1970)

    let folder: TemporaryFolder
    var deployment: Deployment { Deployment(folder: folder.path) }
    /// What was said, a line each.
    private(set) var said: [String] = []

    init() throws {
        folder = try TemporaryFolder()
    }

    func newPi(
        _ name: String? = nil, count: Int = 1, secretBits: SecretBits = .default, out: String? = nil,
        wishes: CertificateWishes = CertificateWishes(), now: Int64 = TestDeployment.now
    ) throws {
        let request = NewPi.Request(
            name: try name.map(parsePiName), count: count, secretBits: secretBits, out: out, certificates: wishes,
            now: now)
        try reportingFailures {
            try NewPi(deployment: deployment, request: request) { self.said.append($0) }.run()
        }
    }

    func initialize(_ wishes: CertificateWishes = CertificateWishes()) throws {
        try reportingFailures {
            try Initialization(deployment: deployment, wishes: wishes, now: Self.now) { self.said.append($0) }.run()
        }
    }

    private var revocation: Revocation {
        Revocation(deployment: deployment, now: Self.now) { self.said.append($0) }
    }

    func revoke(_ name: String) throws {
        try reportingFailures { try revocation.revoke(parsePiName(name)) }
    }

    func restore(_ name: String) throws {
        try reportingFailures { try revocation.restore(parsePiName(name)) }
    }

    private var rotation: Rotation { Rotation(deployment: deployment) { self.said.append($0) } }

    func rotate(_ name: String, _ bits: SecretBits = .default) throws {
        try reportingFailures { try rotation.begin(parsePiName(name), bits) }
    }

    func finishRotation(_ name: String) throws {
        try reportingFailures { try rotation.finish(parsePiName(name)) }
    }

    func importIds(_ name: String, keepsSecrets: Bool = false) throws {
        let request = Import.Request(file: folder(name), keepsSecrets: keepsSecrets, now: Self.now)
        try reportingFailures {
            try Import(deployment: deployment, request: request) { self.said.append($0) }.run()
        }
    }

    /// What `provision check` finds; it must change nothing.
    func check(now: Int64 = TestDeployment.now, sourceLocation: SourceLocation = #_sourceLocation) throws -> [Finding] {
        let before = try contents()
        let report = try reportingFailures { try Check(deployment: deployment, now: now).report { _ in } }
        let isUnchanged = try contents() == before
        #expect(isUnchanged, "a check changes nothing", sourceLocation: sourceLocation)
        return report.findings
    }

    func list(now: Int64 = TestDeployment.now) throws -> PiList {
        PiList(pis: try PiRecord.all(in: deployment, deployment.existingIdentifiers()), now: now)
    }

    /// What stands in the Pi's `secret.py`.
    func secret(_ name: String) throws -> PiSecret? {
        SecretFile.parse(try folder.read("pis/\(name)/secret.py"))
    }

    func secrets(_ name: String) throws -> [PiSecret] {
        try identifiers().named[parsePiName(name)] ?? []
    }

    /// What the Pi's tar holds of that file.
    func packed(_ name: String, _ file: String) async throws -> [UInt8] {
        let outcome = try await Program.run(
            "/usr/bin/env", ["tar", "xzOf", folder("pis/\(name).tar.gz"), "\(name)/\(file)"])
        return Array(outcome.output.utf8)
    }

    func renew(
        _ subject: Renew.Subject, within days: Int64? = nil, newKey: Bool = false, days wished: Int? = nil,
        hosts: [String] = [], passphrase: AuthorityPassphrase = AuthorityPassphrase(), now: Int64 = TestDeployment.now
    ) throws {
        let request = Renew.Request(
            subject: subject, within: days.map { $0 * 86_400 }, hasNewKey: newKey, days: wished,
            hosts: try hosts.map(parseHostName), passphrase: passphrase, now: now)
        try reportingFailures {
            try Renew(deployment: deployment, request: request) { self.said.append($0) }.run()
        }
    }

    func bundle(_ name: String) throws {
        try reportingFailures {
            try Bundle(deployment: deployment, name: parsePiName(name), home: nil, now: Self.now) {
                self.said.append($0)
            }.run()
        }
    }

    func certificate(_ name: String) throws -> Certificate {
        try #require(try Certificate.all(inPEM: folder.read(name)).first)
    }

    func roots(_ name: String) throws -> [SHA256Digest] {
        try Certificate.all(inPEM: folder.read(name)).map(\.fingerprint)
    }

    func removeLine(of name: String) throws {
        let lines = try text("ids.txt").split(separator: "\n").filter { !$0.hasSuffix(" \(name)") }
        try folder.write((lines.joined(separator: "\n") + "\n").utf8, to: "ids.txt")
    }

    /// The files in a Pi's tar.
    func unpacked(_ name: String) async throws -> [String: [UInt8]] {
        let elsewhere = try TemporaryFolder()
        let tar = try await Program.run(
            "/usr/bin/env", ["tar", "xzf", folder("pis/\(name).tar.gz")], in: elsewhere.path)
        #expect(tar.exitCode == 0)
        return try Dictionary(uniqueKeysWithValues: elsewhere.files().map { ($0, try elsewhere.read($0)) })
    }

    /// The failure of something that must fail and change nothing.
    func refusal(
        sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
    ) throws -> CommandFailure {
        let before = try contents()
        let failure = try failure(CommandFailure.self, body)
        // Not compared inside of #expect, which would print keys.
        let isUnchanged = try contents() == before
        #expect(isUnchanged, "a refusal changes nothing", sourceLocation: sourceLocation)
        return failure
    }

    /// Every file with its bytes, but for the lock.
    func contents() throws -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        for name in folder.files() where name != "certs/.lock" { contents[name] = try folder.read(name) }
        return contents
    }

    func text(_ name: String) throws -> String {
        String(decoding: try folder.read(name), as: UTF8.self)
    }

    func identifiers() throws -> IdentifierList {
        try IdentifierList(parsing: folder.read("ids.txt"))
    }

    func mode(_ name: String) throws -> mode_t? {
        try fileStatus(folder(name))?.permissions
    }

    /// Whether all Pis are there with folder, tar and line, all of one secret, and nothing is left of an interruption.
    func expectWhole(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let names = try namesInFolder(folder("pis"))
        let pis = names.compactMap { PiName($0) }
        #expect(names.sorted() == pis.flatMap { [$0.text, "\($0).tar.gz"] }.sorted(), sourceLocation: sourceLocation)
        let identifiers = try identifiers()
        #expect(Set(identifiers.named.keys) == Set(pis), sourceLocation: sourceLocation)
        for pi in pis {
            #expect(try namesInFolder(folder("pis/\(pi)")) == ["ca.pem", "pi.pem", "secret.py"])
            let secret = try #require(SecretFile.parse(folder.read("pis/\(pi)/secret.py")))
            #expect(identifiers.named[pi] == [secret], sourceLocation: sourceLocation)
        }
        #expect(try !namesInFolder(folder.path).contains { $0.hasSuffix(".new") || $0.hasPrefix(".tmp") })
    }
}
