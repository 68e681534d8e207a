import Files
import Foundation
import TestSupport
import Testing

@testable import SecureSender

@Suite("What another user may read alone")
struct ClosedToUsTests {
    private static let maySwitch = geteuid() == 0

    /// As a user who owns nothing.
    private func run(_ arguments: [String], _ folder: TemporaryFolder) async throws -> Program.Outcome {
        // A program in a folder of ours could be out of that user's reach.
        try await Program.run("/bin/cp", [Program.path("secure-sender"), folder("sender")]).expectSuccess()
        chmod(folder.path, 0o755)
        return try await Program.run(
            "/usr/bin/setpriv",
            ["--reuid", "65534", "--regid", "65534", "--clear-groups", folder("sender")] + arguments,
            in: folder.path, environment: ["HOME": folder("home")])
    }

    private func home() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let place = "home/.config/secure-sender"
        try folder.write(Array("secret='0123456789abcdef'\n".utf8), to: "\(place)/secret.py")
        chmod(folder("\(place)/secret.py"), 0o600)
        for name in ["home", "home/.config", place] { chmod(folder(name), 0o755) }
        return folder
    }

    @Test("is not said to be missing: a file of the identity", .enabled(if: maySwitch))
    func identity() async throws {
        let open = try home()
        let unreadable = try await run(["check", "127.0.0.1"], open)
        #expect(unreadable.errors.hasPrefix("PI id not found: cannot open "), "\(unreadable.errors)")
        #expect(unreadable.errors.contains("\n  hint: put sudo before the command"))
        #expect(unreadable.exitCode == 78)
    }

    @Test("has a way out that a later run has not by itself: a file, and a folder inside", .enabled(if: maySwitch))
    func filesToSend() async throws {
        let station = try Station(files: ["a": "1", "closed/b": "2"])
        for (name, mode) in [("", 0o777), ("a", 0o600), ("closed", 0o700)] as [(String, mode_t)] {
            chmod(station.folder("data/\(name)"), mode)
        }
        let files = try FileManager.default.subpathsOfDirectory(atPath: station.folder("identity"))
        for name in files { chmod(station.folder("identity/\(name)"), 0o644) }
        for name in ["", "identity"] { chmod(station.folder(name), 0o777) }
        mkdir(station.folder("sent_files"), 0o755)
        chmod(station.folder("sent_files"), 0o777)
        let outcome = try await run(
            [
                "127.0.0.1", station.folder("data"), "--identity", station.folder("identity"), "--quiet-time", "0s",
                "--port", "\(TestPort.closed)",
            ], station.folder)
        for name in ["a", "closed"] {
            let path = station.folder("data/\(name)")
            #expect(
                outcome.errors.contains(
                    "\(path): Permission denied\n  hint: run secure-sender as the owner of \(path), or let its user read that"
                ), "\(outcome.errors)")
        }
        #expect(outcome.exitCode == 75)
        let check = try await run(
            [
                "check", "127.0.0.1", station.folder("data"), "--identity", station.folder("identity"),
                "--port", "\(TestPort.closed)",
            ], station.folder)
        #expect(check.output.contains("1 file, and 2 names that cannot be sent, such as "), "\(check.output)")
    }
}

extension Program.Outcome {
    fileprivate func expectSuccess() {
        #expect(exitCode == 0, "\(errors)")
    }
}
