import CommandSupport
import Files
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import SecureSender

/// A user who owns nothing.
private let nobody: uid_t = 65534

/// What takes root to arrange.
private let isRoot = geteuid() == 0

@Suite("A folder that files cannot be moved out of")
struct FolderExitTests {
    /// Runs the program as a user whose are the identity and the folder for sent files.
    private func sendAsNobody(_ station: Station, to port: UInt16) async throws -> Program.Outcome {
        mkdir(station.folder("sent_files"), 0o700)
        for name in ["identity", "identity/secret.py", "identity/pi.pem", "identity/ca.pem", "sent_files"] {
            chown(station.folder(name), nobody, nobody)
        }
        return try await Program.run(
            "/usr/bin/setpriv",
            [
                "--reuid=\(nobody)", "--regid=\(nobody)", "--clear-groups", Program.path("secure-sender"), "127.0.0.1",
                station.folder("data"), "--port", "\(port)", "--identity", station.folder("identity"), "--quiet-time",
                "0s",
            ])
    }

    @Test("is an error that names it before anything is sent, exit 73", .enabled(if: isRoot))
    func notWritable() async throws {
        let station = try Station(files: ["a": "1"])
        let receiver = try station.listenHonestly()
        let outcome = try await sendAsNobody(station, to: receiver.port)
        #expect(
            outcome.errors.hasPrefix(
                "Files cannot be moved out of \(station.folder("data")): this user may not write to it\n  hint: run"))
        #expect(outcome.exitCode == 73)
        #expect(receiver.connectionCount == 0)
    }

    @Test("inside of the other is told before anything is sent, and left out", .enabled(if: isRoot))
    func inside() async throws {
        let station = try Station(files: ["a": "1", "closed/b": "2", "closed/c": "3"])
        chown(station.folder("data"), nobody, nobody)
        let receiver = try station.listenHonestly()
        let outcome = try await sendAsNobody(station, to: receiver.port)
        #expect(outcome.errors.hasPrefix("Files cannot be moved out of \(station.folder("data/closed")): "))
        #expect(outcome.errors.split(separator: "\n").count == 2)
        #expect(outcome.exitCode == 75)
        #expect(station.waitingFiles == ["closed/b", "closed/c"])
    }

    @Test("because its sticky bit protects the files of others is told", .enabled(if: isRoot))
    func sticky() async throws {
        let station = try Station(files: ["a": "1", "shared/own": "2", "shared/other": "3"])
        chown(station.folder("data"), nobody, nobody)
        chown(station.folder("data/shared/own"), nobody, nobody)
        chmod(station.folder("data/shared"), 0o1777)
        let receiver = try station.listenHonestly()
        let outcome = try await sendAsNobody(station, to: receiver.port)
        #expect(outcome.errors.contains("its sticky bit lets only their owners take files out of it"))
        #expect(outcome.exitCode == 75)
        #expect(station.waitingFiles == ["shared/other"])
    }

    @Test(
        "because it is immutable or append-only is an error even for root",
        .enabled(if: access("/usr/bin/chattr", X_OK) == 0), arguments: ["i", "a"])
    func pinned(attribute: String) async throws {
        let station = try Station(files: ["a": "1", "b": "2"])
        guard try await changeAttribute("+\(attribute)", station.folder("data")) else { return }
        let receiver = try station.listenHonestly()
        let outcome = try await station.send(to: receiver.port)
        _ = try await changeAttribute("-\(attribute)", station.folder("data"))
        #expect(outcome.errors.contains("it is immutable or append-only\n  hint: chattr -i -a"))
        #expect(outcome.exitCode == 73)

        // One file alone.
        _ = try await changeAttribute("+\(attribute)", station.folder("data/a"))
        let other = try await station.send(to: receiver.port)
        _ = try await changeAttribute("-\(attribute)", station.folder("data/a"))
        #expect(other.errors.hasPrefix("a could not be sent: it could not be moved afterwards"))
        #expect(other.exitCode == 75)
        #expect(station.waitingFiles == ["a"])
    }

    /// False where the file system or the user cannot.
    private func changeAttribute(_ change: String, _ path: String) async throws -> Bool {
        try await Program.run("/usr/bin/chattr", [change, path]).exitCode == 0
    }

    @Test("because the disk is mounted read-only is told")
    func readOnly() throws {
        let folder = try Folder(opening: "/proc/sys/kernel")
        // Root may write to everything but what nobody can.
        #expect(FolderExit(of: folder).obstacle != nil || isRoot)
        #expect(FolderObstacle.readOnly.wayOut("/x").contains("mount it writable"))
    }

    @Test("inside of the one for sent files is told before anything is sent for it", .enabled(if: isRoot))
    func insideOfTarget() async throws {
        let station = try Station(files: ["a": "1", "sub/b": "2", "sub/deep/c": "3"])
        for name in ["data", "data/sub", "data/sub/deep"] { chown(station.folder(name), nobody, nobody) }
        // As one run with sudo leaves it.
        mkdir(station.folder("sent_files"), 0o755)
        mkdir(station.folder("sent_files/sub"), 0o755)
        let store = Store()
        let receiver = try station.listenHonestly(into: store)
        let outcome = try await sendAsNobody(station, to: receiver.port)
        let path = station.folder("sent_files/sub")
        #expect(outcome.errors.hasPrefix("Sent files cannot be moved to \(path): this user may not write to it\n"))
        #expect(outcome.exitCode == 75)
        #expect(store.targets == ["/v1/files/a"])
        #expect(station.waitingFiles == ["sub/b", "sub/deep/c"])
    }

    @Test("because the place is taken among the sent files is told", arguments: ["file", "link"])
    func notAFolder(kind: String) async throws {
        let station = try Station(files: ["a": "1", "sub/b": "2"])
        mkdir(station.folder("sent_files"), 0o755)
        if kind == "file" {
            try station.folder.write([1], to: "sent_files/sub")
        } else {
            symlink(station.folder("identity"), station.folder("sent_files/sub"))
        }
        let store = Store()
        let receiver = try station.listenHonestly(into: store)
        let outcome = try await station.send(to: receiver.port)
        #expect(outcome.errors.contains("/sent_files/sub: it is no folder\n  hint: give "))
        #expect(outcome.exitCode == 75)
        #expect(store.targets == ["/v1/files/a"])
    }

    @Test("because its disk is full is an error before anything is sent, exit 73", .enabled(if: isRoot))
    func full() async throws {
        let station = try Station(files: ["a": "1"])
        guard let disk = try await SmallDisk(at: station.folder("sent_files")) else { return }
        disk.fill()
        let receiver = try station.listenHonestly()
        let outcome = try await station.send(to: receiver.port)
        await disk.remove()
        #expect(outcome.errors.contains("/sent_files/.probe: No space left on device\n  hint: "), "\(outcome.errors)")
        #expect(outcome.exitCode == 73)
        #expect(receiver.connectionCount == 0)
    }

    @Test("because its disk fills up ends the run, and nothing more is sent in vain", .enabled(if: isRoot))
    func fillsUp() async throws {
        let names = (0..<20).map { "file\($0 + 10)" }
        let station = try Station(names: names)
        guard let disk = try await SmallDisk(at: station.folder("sent_files")) else { return }
        let store = Store()
        let receiver = try station.listen(into: store) { answers, request in
            disk.fill()
            return try answers.answer(to: request)
        }
        var settings = SenderSettings.quick
        (settings.requestsInFlight, settings.mostUnmoved) = (1, 1)
        let outcome = try await station.run(to: receiver.port, settings: settings)
        await disk.remove()
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.gaveUp?.reason.hasPrefix("what the receiver has could not be moved: ") == true)
        #expect(outcome.gaveUp?.files == 20)
        #expect(outcome.failures == [])
        #expect(store.all.count < 5)
        #expect(station.waitingFiles == names)
    }

    @Test("because one file is too large for its disk holds up no other", .enabled(if: isRoot))
    func tooLarge() async throws {
        let station = try Station(files: ["a": String(repeating: "1", count: 100_000), "b": "2"])
        guard let disk = try await SmallDisk(at: station.folder("sent_files")) else { return }
        let store = Store()
        let receiver = try station.listenHonestly(into: store)
        let events = Mutex<[SendEvent]>([])
        let sender = try station.sender(to: receiver.port) { event in events.withLock { $0.append(event) } }
        _ = try sender.sendAll()
        try station.write("3", to: "c")
        let outcome = try sender.sendAll()
        let moved = station.sentFiles.filter { !$0.hasSuffix(".sha256") }
        await disk.remove()
        #expect(moved == ["b", "c"])
        #expect(outcome.status == .temporaryFailure)
        #expect(store.targets.map { $0.suffix(1) }.sorted() == ["a", "b", "c"])
        let failures = events.withLock { $0 }.compactMap {
            if case .failed(let failure, "a") = $0 { failure } else { nil }
        }
        #expect(failures.count == 1)
        #expect(failures.first?.reason?.contains("could not be moved (100.0 kB): ") == true)
    }

    @Test(
        "for want of room for a copy, or an error of one file, is asked whether it takes others",
        arguments: [false, true])
    func oneFile(isCopied: Bool) {
        let alone = [EIO, ENOSPC, EDQUOT, EROFS, EACCES].filter {
            SystemCallError("move", "a", code: $0).mayConcernOneFile(isCopied: isCopied)
        }
        #expect(alone == (isCopied ? [EIO, ENOSPC, EDQUOT] : [EIO]))
    }

    @Test("is none that takes files, and the one for sent files is looked at too", .enabled(if: isRoot))
    func target() async throws {
        let station = try Station(files: ["a": "1"])
        #expect(FolderExit(of: try Folder(opening: station.folder("data"))).obstacle == nil)
        mkdir(station.folder("sent_files"), 0o755)
        guard try await changeAttribute("+i", station.folder("sent_files")) else { return }
        let receiver = try station.listenHonestly()
        let outcome = try await station.send(to: receiver.port)
        _ = try await changeAttribute("-i", station.folder("sent_files"))
        #expect(
            outcome.errors.hasPrefix("Sent files cannot be moved to \(station.folder("sent_files")): it is immutable"))
        #expect(outcome.exitCode == 73)
        #expect(receiver.connectionCount == 0)
    }
}
