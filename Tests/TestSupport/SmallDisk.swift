import Foundation

/// A file system of 20 MB of a test's own. Only root can mount one, and not in every container.
package struct SmallDisk {
    private let folder: TemporaryFolder
    private var mountPoint: String { folder("mounted") }

    package static let isAvailable: Bool = {
        let needed = ["/dev/loop-control", "/usr/sbin/mkfs.ext4", "/usr/bin/mount"]
        return mayMount && needed.allSatisfy(FileManager.default.fileExists)
    }()

    /// CAP_SYS_ADMIN (capabilities(7)) is bit 21.
    private static var mayMount: Bool {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let effective = line?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } ?? 0
        return effective & 1 << 21 != 0
    }

    package init(_ options: [String] = []) async throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder("mounted"), withIntermediateDirectories: false)
        guard truncate(create(folder("disk")), 20 << 20) == 0 else { throw Failed(command: "truncate", errors: "") }
        try await run("/usr/sbin/mkfs.ext4", ["-q", "-m", "0"] + options + [folder("disk")])
        try await run("/usr/bin/mount", ["-o", "loop", folder("disk"), mountPoint])
    }

    /// Lends the mount point; unmounts when `body` is through, so nothing there may stay open.
    package func use(_ body: (String) async throws -> Void) async throws {
        let result: Result<Void, any Error>
        do { result = .success(try await body(mountPoint)) } catch { result = .failure(error) }
        // A program that another test starts at this moment holds our descriptors until its exec(3).
        try await run("/usr/bin/umount", ["--lazy", mountPoint])
        try result.get()
    }

    private func create(_ path: String) -> String {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        return path
    }

    private struct Failed: Error {
        let command: String
        let errors: String
    }

    private func run(_ command: String, _ arguments: [String]) async throws {
        let outcome = try await Program.run(command, arguments)
        guard outcome.exitCode == 0 else { throw Failed(command: command, errors: outcome.errors) }
    }
}
