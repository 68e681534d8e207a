import Glibc

/// What differs after a write, a truncation, a rename or a link, or when another file has the place (inode(7)); the time of the
/// last change cannot be set (stat(3type)).
struct FileStamp: Hashable, Sendable {
    private let numbers: [Int64]

    init(_ status: stat) {
        let (modified, changed) = (status.st_mtim, status.st_ctim)
        numbers = [
            Int64(bitPattern: UInt64(status.st_dev)), Int64(bitPattern: UInt64(status.st_ino)), Int64(status.st_size),
            Int64(modified.tv_sec), Int64(modified.tv_nsec), Int64(changed.tv_sec), Int64(changed.tv_nsec),
        ]
    }
}
