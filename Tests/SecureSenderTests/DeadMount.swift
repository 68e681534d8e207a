import Foundation

/// A file or folder that cannot be looked at (ENOTCONN): the mount on it has lost the program that served it.
final class DeadMount: Sendable {
    let path: String

    /// `nil` where this user may not mount, or the kernel has no FUSE.
    init?(on path: String) {
        self.path = path
        var status = stat()
        let server = open("/dev/fuse", O_RDWR | O_CLOEXEC)
        guard server >= 0, lstat(path, &status) == 0 else { return nil }
        defer { close(server) }
        let mode = String(status.st_mode & S_IFMT, radix: 8)
        guard mount("test", path, "fuse", 0, "fd=\(server),rootmode=\(mode),user_id=0,group_id=0") == 0 else {
            return nil
        }
    }

    deinit {
        umount2(path, Int32(MNT_DETACH))
    }

    static let isPossible: Bool = {
        let path = FileManager.default.temporaryDirectory.path + "/dead-\(UUID().uuidString)"
        mkdir(path, 0o700)
        defer { rmdir(path) }
        guard let mount = DeadMount(on: path) else { return false }
        return withExtendedLifetime(mount) { true }
    }()
}
