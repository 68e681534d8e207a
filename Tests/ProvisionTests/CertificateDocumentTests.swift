import CertificateAuthority
import Foundation
import TestSupport
import Testing

@testable import Provision

@Suite("docs/certificates.md")
struct CertificateDocumentTests {
    @Test(
        "shows certificates as provision makes them",
        arguments: ["certs/ca.pem", "certs/server.pem", "pis/pi-01/pi.pem"])
    func examples(name: String) async throws {
        let lab = try TestDeployment()
        try lab.newPi()
        let command = ["openssl", "x509", "-noout", "-text", "-certopt", "no_sigdump", "-in"]
        let made = try await Program.run("/usr/bin/env", command + [name], in: lab.folder.path)
        #expect(made.exitCode == 0)
        let document = try document()
        let start = try #require(document.range(of: "$ \((command + [name]).joined(separator: " "))\n"))
        let end = try #require(document.range(of: "```", range: start.upperBound..<document.endIndex))
        #expect(shape(made.output) == shape(String(document[start.upperBound..<end.lowerBound])))
    }

    @Test("tells the lifetimes that are the default")
    func lifetimes() throws {
        let document = try document()
        #expect(document.contains("| authority | 9,125 (\(Lifetime.authorityDays / 365) years) |"))
        #expect(document.contains("| receiver, Pi | 3,650 (\(Lifetime.leafDays / 365) years) |"))
        #expect(Lifetime.authorityDays == 9125 && Lifetime.leafDays == 3650)
    }

    private func document() throws -> String {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let url = tests.deletingLastPathComponent().appendingPathComponent("docs/certificates.md")
        return try String(contentsOf: url, encoding: .utf8)
    }

    /// Its lines, without what differs from one to the next: numbers, keys, dates, and this computer's names.
    private func shape(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            let line = line.replacing(" = ", with: "=").trimmingCharacters(in: .whitespaces)
            if line.wholeMatch(of: /([0-9A-Fa-f]{2}:)+([0-9A-Fa-f]{2})?/) != nil { return nil }
            if line.hasPrefix("Not ") { return String(line.prefix(10)) }
            if line.hasPrefix("DNS:") { return line.split(separator: ", ").prefix(4).joined(separator: ", ") }
            return line
        }
    }
}
