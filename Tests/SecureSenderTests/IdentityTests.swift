import CertificateAuthority
import CommandSupport
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

/// A port on which nothing listens: a run that gets so far has found its identity.
private let closedPort: UInt16 = 1

@Suite("The search for the identity")
struct IdentitySearchTests {
    private func run(_ station: Station, in folder: String, home: String, program: String = "secure-sender")
        async throws -> Program.Outcome
    {
        try await Program.run(
            program, ["127.0.0.1", station.folder("data"), "--port", "\(closedPort)", "--quiet-time", "0s"], in: folder,
            environment: ["HOME": home])
    }

    private func copyIdentity(of station: Station, to folder: String) throws {
        let parent = (folder as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: station.folder("identity"), toPath: folder)
    }

    @Test("takes the current folder's, else the program's, else that in ~/.config")
    func order() async throws {
        let station = try Station(files: ["a": "content"])
        let empty = try TemporaryFolder()
        let home = try TemporaryFolder()
        let bin = try TemporaryFolder()
        // By another process: a program that is open for writing anywhere, and be it in a fork of ours, does not start.
        _ = try await Program.run("/bin/cp", [Program.path("secure-sender"), bin("sender")])

        let nowhere = try await run(station, in: empty.path, home: home.path, program: bin("sender"))
        #expect(
            nowhere.errors.hasPrefix(
                "PI id not found: there is no secret.py in ., \(bin.path), \(home.path)/.config/secure-sender, /etc/secure-sender\n  hint: "
            ))
        #expect(nowhere.exitCode == 78)

        // Each found before the next: what is found later is broken.
        try copyIdentity(of: station, to: home(".config/secure-sender"))
        #expect(try await run(station, in: empty.path, home: home.path, program: bin("sender")).exitCode == 69)
        try home.write([], to: ".config/secure-sender/secret.py")
        #expect(try await run(station, in: empty.path, home: home.path, program: bin("sender")).exitCode == 78)

        for file in ["secret.py", "pi.pem", "ca.pem"] {
            try bin.write(station.folder.read("identity/\(file)"), to: file)
        }
        #expect(try await run(station, in: empty.path, home: home.path, program: bin("sender")).exitCode == 69)
        try bin.write([], to: "secret.py")
        #expect(
            try await run(station, in: station.folder("identity"), home: home.path, program: bin("sender")).exitCode
                == 69)
    }

    @Test("looks nowhere else when --identity names a folder")
    func chosen() async throws {
        let station = try Station(files: ["a": "content"])
        let empty = try TemporaryFolder()
        let outcome = try await Program.run(
            "secure-sender", ["127.0.0.1", station.folder("data"), "--identity", empty.path],
            in: station.folder("identity"))
        #expect(outcome.errors.hasPrefix("PI id not found: there is no secret.py in \(empty.path)\n"))
        #expect(outcome.exitCode == 78)
    }

    @Test("says where this user may not look", .enabled(if: geteuid() == 0))
    func closedFolder() async throws {
        let station = try Station()
        let home = try TemporaryFolder()
        try copyIdentity(of: station, to: home(".config/secure-sender"))
        chmod(home(".config/secure-sender"), 0o700)
        let outcome = try await Program.run(
            "/usr/bin/setpriv",
            [
                "--reuid=65534", "--regid=65534", "--clear-groups", Program.path("secure-sender"), "127.0.0.1",
                station.folder("data"),
            ], in: "/", environment: ["HOME": home.path])
        #expect(
            outcome.errors.hasPrefix(
                "PI id not found: this user may not look into \(home.path)/.config/secure-sender\n  hint: put sudo"))
        #expect(outcome.exitCode == 78)
    }
}

@Suite("A Pi's identity")
struct PiIdentityTests {
    private func load(_ station: Station) throws(CommandFailure) -> PiIdentity {
        try PiIdentity(readingFrom: IdentityFolder(path: station.folder("identity")))
    }

    @Test("has the name of its certificate, and the time at which it was made")
    func loads() throws {
        let station = try Station()
        let identity = try load(station)
        #expect(identity.name.text == "pi-01")
        #expect(identity.secret == station.secret)
        #expect(abs(identity.made - Int64(Date().timeIntervalSince1970)) < 60)
        #expect(identity.readableByAll == [])
    }

    @Test("takes the trust domain from whichever root the certificate's name fits")
    func severalRoots() throws {
        let station = try Station()
        let other = try TestLab(trustDomain: "other-lab")
        let roots = try other.authority.certificate.pem + station.lab.authority.certificate.pem
        try station.folder.write(Array(roots.utf8), to: "identity/ca.pem")
        #expect(try load(station).name.text == "pi-01")
        #expect(try load(station).trustRoots.count == 2)
    }

    @Test("knows which of its secret files every user can read")
    func readableByAll() throws {
        let station = try Station()
        chmod(station.folder("identity/secret.py"), 0o644)
        #expect(try load(station).readableByAll == [station.folder("identity/secret.py")])
    }

    @Test(
        "is refused with a file that is missing, empty, too long, a folder or no PEM",
        arguments: ["secret.py", "pi.pem", "ca.pem"])
    func brokenFiles(name: String) throws {
        let station = try Station()
        let path = "identity/\(name)"
        let good = try station.folder.read(path)
        let spoil: [() throws -> Void] = [
            { unlink(station.folder(path)) }, { try station.folder.write([], to: path) },
            { try station.folder.write(good + [UInt8](repeating: 10, count: 64 << 10), to: path) },
            { try station.folder.write((0..<200).map { UInt8($0) }, to: path) },
            {
                try station.folder.write(
                    Array("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8), to: path)
            },
            {
                unlink(station.folder(path))
                mkdir(station.folder(path), 0o700)
            },
        ]
        for step in spoil {
            try step()
            do throws(CommandFailure) {
                _ = try load(station)
                Issue.record("accepted")
            } catch {
                #expect(error.message == "PI id not found")
                #expect(error.exitCode == .configuration)
                #expect(error.reason?.contains(station.folder(path)) == true)
                #expect(error.hint != nil)
            }
        }
    }

    @Test("is refused where a FIFO has the place of a file, without waiting for a writer")
    func fifo() throws {
        let station = try Station()
        unlink(station.folder("identity/secret.py"))
        mkfifo(station.folder("identity/secret.py"), 0o600)
        #expect(throws: CommandFailure.self) { try load(station) }
    }

    @Test("is refused when key and certificate are of two Pis, or the name is not one of this lab")
    func mismatches() throws {
        let station = try Station()
        let other = try station.lab.pi("pi-02")
        let mixed = try Array(station.pi.certificate.pem.utf8) + other.key.pem().withUnsafeBytes(Array.init)
        let foreign = try TestLab(trustDomain: "other-lab").pi("pi-01").pem()
        let nameless = try station.lab.leaf(names: ["DNS:pi-01"]).pem()
        let two = try station.lab.leaf(names: ["URI:spiffe://test-lab/pi/a", "URI:spiffe://test-lab/pi/b"]).pem()
        let withoutKey = try Array(station.pi.certificate.pem.utf8)
        for (pem, words) in [
            (mixed, "does not belong to its certificate"), (foreign, "trust domain"), (nameless, "0 URI names"),
            (two, "2 URI names"), (withoutKey, "private key"),
        ] {
            try station.folder.write(pem, to: "identity/pi.pem")
            do throws(CommandFailure) {
                _ = try load(station)
                Issue.record("accepted")
            } catch {
                #expect(error.description.contains(words))
                #expect(error.exitCode == .configuration)
            }
        }
    }
}
