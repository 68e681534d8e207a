import CommandSupport
import Files
import Foundation
import TestSupport
import Testing

@testable import SecureSender

@Suite("The identity in use")
struct OwnIdentityTests {
    /// Refused before anything else is asked: nothing listens there.
    private static let ways = [[], ["--dry-run"], ["check"]]

    /// Returns what is said; `folder` is given without the rest of the command.
    private func run(
        _ way: [String], _ station: Station, _ folder: String, _ options: [String] = []
    ) async throws -> Program.Outcome {
        var arguments = ["127.0.0.1", folder]
        if way == ["check"] { arguments = way + arguments } else { arguments += way + ["--quiet-time", "0s"] }
        arguments += ["--port", "\(TestPort.closed)", "--identity", station.folder("identity")]
        arguments += ["--sent-dir", station.folder(".sent")]
        return try await Program.run("secure-sender", arguments + options, in: station.folder.path)
    }

    private func expectRefused(_ outcome: Program.Outcome, _ folder: String, _ file: String) {
        #expect(
            outcome.errors.hasPrefix(
                "\(folder) not a valid directory: this Pi's identity lies in it, \(file), and would be sent\n  hint: name "
            ),
            "\(outcome.errors)")
        #expect(outcome.exitCode == 66)
    }

    @Test("is never sent with the folder that it lies in, nor is anything else of it", arguments: ways)
    func inside(way: [String]) async throws {
        let station = try Station(files: ["a": "1"])
        let names = ["ca.pem", "pi.pem", "secret.py"]
        let outcome = try await run(way, station, station.folder("identity"))
        #expect(outcome.errors.contains("\(station.folder("identity")) not a valid directory: this Pi's identity lies"))
        #expect(outcome.exitCode == 66)
        // Deeper inside, in the folder that is named with a dot.
        let around = try await run(way, station, ".")
        #expect(around.errors.contains("\(station.folder.path) not a valid directory: this Pi's identity lies in it"))
        #expect(around.exitCode == 66)
        #expect(station.folder.files(below: "identity") == names)
        #expect(station.waitingFiles == ["a"])
    }

    @Test("is never sent under another name", arguments: ways)
    func otherName(way: [String]) async throws {
        let station = try Station(files: ["a": "1"])
        link(station.folder("identity/pi.pem"), station.folder("data/copy.txt"))
        let outcome = try await run(way, station, station.folder("data"))
        expectRefused(outcome, station.folder("data"), station.folder("data/copy.txt"))
        #expect(station.waitingFiles == ["a", "copy.txt"])
    }

    @Test("is found where it is a link to files elsewhere")
    func linked() async throws {
        let station = try Station(files: ["a": "1"])
        rename(station.folder("identity/secret.py"), station.folder("data/secret.py"))
        symlink(station.folder("data/secret.py"), station.folder("identity/secret.py"))
        let outcome = try await run([], station, station.folder("data"))
        expectRefused(outcome, station.folder("data"), station.folder("data/secret.py"))
    }

    @Test("holds up nothing where it is left out, by its pattern or because it is hidden")
    func leftOut() async throws {
        let station = try Station(files: ["a": "1"])
        let outcome = try await run(["--dry-run"], station, ".", ["--exclude", "identity"])
        #expect(outcome.output.contains("\n  data/a  1 byte\n1 file, 1 byte\n"), "\(outcome.errors)")
        #expect(outcome.exitCode == 0)
        let check = try await run(["check"], station, ".", ["--exclude", "identity"])
        #expect(check.output.contains("ok       folder         .: 1 file\n"), "\(check.errors)")
        rename(station.folder("identity"), station.folder("data/.identity"))
        let hidden = try await Program.run(
            "secure-sender",
            ["127.0.0.1", station.folder("data"), "--identity", station.folder("data/.identity"), "--dry-run"])
        #expect(hidden.exitCode == 0, "\(hidden.errors)")
    }

    @Test("that comes into the folder later stays there, and so does all that is in it")
    func later() async throws {
        let station = try Station(files: ["a": "1"])
        let receiver = try station.listenHonestly()
        #expect(try await station.sendAll(to: receiver.port).sent == ["a"])
        try station.write("2", to: "b")
        link(station.folder("identity/secret.py"), station.folder("data/secret.py"))
        let outcome = try await station.sendAll(to: receiver.port)
        #expect(outcome.failure?.exitCode == .noInput)
        #expect(outcome.sent.isEmpty)
        #expect(station.waitingFiles == ["b", "secret.py"])
    }

    @Test("is not seen in a file of the station that has the inode number of one that was removed")
    func reusedInode() throws {
        let station = try Station()
        let identity = try PiIdentity(readingFrom: IdentityFolder(path: station.folder("identity")))
        let removed = identity.files.map(\.inode)
        for name in ["secret.py", "pi.pem", "ca.pem"] { unlink(station.folder("identity/\(name)")) }
        // ext4 gives the first free number; some file systems never give one again.
        for number in 0..<50 { try station.write("\(number)", to: "file\(number)") }
        let source = try Folder(opening: station.folder("data"))
        let scan = try FileScan(of: source, leavingOut: nil, keeping: identity)
        #expect(scan.files.count == 50)
        for number in 0..<50 {
            let status = try #require(try source.status(of: "file\(number)"))
            #expect(!removed.contains(UInt64(status.st_ino)))
        }
    }

    @Test("is read when its turn has come by a run that waits for another one", .timeLimit(.minutes(2)))
    func readBehindLock() async throws {
        let station = try Station(files: ["a": "1"])
        let receiver = try station.listenHonestly()
        var lock: FileDescriptor? = try Folder(opening: station.folder("data")).lock()
        let secret = try station.folder.read("identity/secret.py")
        try station.folder.write(Array("secret=".utf8), to: "identity/secret.py")
        let program = try Program(
            starting: "secure-sender",
            [
                "127.0.0.1", station.folder("data"), "--port", "\(receiver.port)", "--identity",
                station.folder("identity"), "--quiet-time", "0s", "--wait",
            ])
        try await waitUntil { program.errors.hasPrefix("Waiting for another secure-sender") }
        try station.folder.write(secret, to: "identity/secret.py")
        withExtendedLifetime(lock) {}
        lock = nil
        let outcome = try await program.outcome()
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(station.sentFiles == ["a", "a.sha256"])
    }
}
