import Foundation
import TestSupport

/// A file system in memory with room for a few files.
struct SmallDisk: Sendable {
    let path: String

    /// `nil` where nothing can be mounted, as in some containers.
    init?(at path: String) async throws {
        self.path = path
        mkdir(path, 0o755)
        let outcome = try await Program.run("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", path])
        guard outcome.exitCode == 0 else { return nil }
    }

    func fill() {
        let file = open("\(path)/.filler", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { close(file) }
        let block = [UInt8](repeating: 1, count: 4096)
        while write(file, block, block.count) > 0 {}
    }

    func remove() async {
        _ = try? await Program.run("/usr/bin/umount", ["--lazy", path])
    }
}
