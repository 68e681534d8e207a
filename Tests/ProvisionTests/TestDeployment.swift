import CommandSupport
import Files
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

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
        _ name: String? = nil, wishes: CertificateWishes = CertificateWishes(), now: Int64 = TestDeployment.now
    ) throws {
        let request = NewPi.Request(name: try name.map(parsePiName), certificates: wishes, now: now)
        try reportingFailures {
            try NewPi(deployment: deployment, request: request) { self.said.append($0) }.run()
        }
    }

    /// The failure of something that must fail and change nothing.
    func refusal(
        sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
    ) throws -> CommandFailure {
        let before = try contents()
        let failure = try failure(CommandFailure.self, body)
        let after = try contents()
        #expect(after == before, "a refusal changes nothing", sourceLocation: sourceLocation)
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
