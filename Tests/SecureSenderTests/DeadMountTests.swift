import Foundation
import TestSupport
import Testing

@testable import SecureSender

@Suite("A file or folder that cannot be looked at", .enabled(if: DeadMount.isPossible))
struct DeadMountTests {
    /// At the top and in a folder inside, where there is more before and behind it.
    private func station(broken name: String, isFolder: Bool) throws -> (Station, DeadMount) {
        let names = (0..<20).map { "file\($0)" }
        let station = try Station(names: names + names.map { "sub/\($0)" })
        let path = station.folder("data/\(name)")
        if isFolder { mkdir(path, 0o755) } else { try station.write("x", to: name) }
        return (station, try #require(DeadMount(on: path)))
    }

    private static let cases = [("broken", false), ("broken", true), ("sub/broken", false), ("sub/broken", true)]

    @Test("is named, with a way out, and holds up nothing beside it", arguments: cases)
    func send(name: String, isFolder: Bool) async throws {
        let (station, mount) = try station(broken: name, isFolder: isFolder)
        let receiver = try station.listenHonestly()
        let outcome = try await station.send(to: receiver.port)
        #expect(outcome.exitCode == 75)
        #expect(
            outcome.errors.contains(
                "\(mount.path) could not be sent: cannot look at \(mount.path): Transport endpoint is not connected\n  hint: what is mounted there is dead: umount -l \(mount.path)"
            ), "\(outcome.errors)")
        #expect(station.sentFiles.count == 80)
        #expect(outcome.output.contains("40 files sent"))
        #expect(outcome.output.contains("; 1 left for the next run"))
    }

    @Test("is named by a check and by a dry run", arguments: cases)
    func look(name: String, isFolder: Bool) async throws {
        let (station, mount) = try station(broken: name, isFolder: isFolder)
        let dryRun = try await station.send(to: TestPort.closed, ["--dry-run"])
        #expect(dryRun.output.contains("\n40 files, "))
        #expect(
            dryRun.output.contains(
                "Would leave:\n  \(mount.path): Transport endpoint is not connected; what is mounted there is dead"))
        #expect(dryRun.exitCode == 0)
        let check = try await Program.run(
            "secure-sender",
            [
                "check", "127.0.0.1", station.folder("data"), "--port", "\(TestPort.closed)", "--identity",
                station.folder("identity"),
            ])
        #expect(
            check.output.contains(": 40 files, and 1 name that cannot be sent, such as \(mount.path): "),
            "\(check.output)")
        #expect(check.output.contains("\n  hint: what is mounted there is dead"))
    }

    @Test("is not told where it is left out by its pattern")
    func leftOut() async throws {
        let (station, mount) = try station(broken: "broken", isFolder: false)
        defer { withExtendedLifetime(mount) {} }
        let receiver = try station.listenHonestly()
        let outcome = try await station.send(to: receiver.port, ["--exclude", "broken"])
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
    }

    @Test("among sent files is named, and those beside it are tidied up", arguments: cases)
    func tidying(name: String, isFolder: Bool) async throws {
        let station = try Station(files: ["a": "1", "sub/b": "2", "z": "3"])
        let receiver = try station.listenHonestly()
        #expect(try await station.send(to: receiver.port).exitCode == 0)
        let path = station.folder("sent_files/\(name)")
        if isFolder { mkdir(path, 0o755) } else { close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)) }
        let mount = try #require(DeadMount(on: path))
        let outcome = try await station.send(to: receiver.port, ["--keep-sent-space", "0"])
        #expect(
            outcome.errors
                == "Not all sent files could be looked through to remove old ones: cannot look at \(mount.path): Transport endpoint is not connected\n"
        )
        #expect(outcome.output.contains("3 sent files removed, "))
        #expect(outcome.exitCode == 0)
    }
}
