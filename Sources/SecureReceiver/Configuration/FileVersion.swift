import Glibc

/// What changes when a file does.
struct FileVersion: Equatable, Sendable {
    private let inode: UInt64
    private let size: Int64
    private let modified: [Int]
    private let changed: [Int]
    /// Milliseconds since it was written; below zero if the clock was set back since.
    private let age: Int

    /// Written so shortly before this look that a further change right after it might not show in its times.
    var isRecent: Bool {
        // The kernel's time stamps move in ticks of up to 10 ms.
        (-20...20).contains(age)
    }

    /// `nil` if there is no such file.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
        changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        age = (now.tv_sec - changed[0]) * 1_000 + (now.tv_nsec - changed[1]) / 1_000_000
    }

    /// Changed so lately that its writer may not be done: the disk may hold it up.
    var isYoung: Bool { (-20...1_000).contains(age) }

    static func == (left: FileVersion, right: FileVersion) -> Bool {
        left.inode == right.inode && left.size == right.size && left.modified == right.modified
            && left.changed == right.changed
    }
}
