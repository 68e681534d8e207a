import Glibc

/// What tells that a file is still the one that was hashed.
struct Fingerprint: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
    /// Bytes.
    let size: Int64
    let modified: Moment
    /// When the inode changed, which nobody can set: it tells a change even after the modification time was put back.
    let changed: Moment

    struct Moment: Hashable, Comparable, Sendable {
        /// Since 1970.
        let seconds: Int64
        let nanoseconds: Int64

        init(seconds: Int64, nanoseconds: Int64) {
            self.seconds = seconds
            self.nanoseconds = nanoseconds
        }

        init(_ time: timespec) {
            self.init(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
        }

        /// Since 1970, as far as they fit: to the years 1678 and 2262.
        var wholeNanoseconds: Int64 {
            let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            let (sum, overflowOfSum) = product.addingReportingOverflow(nanoseconds)
            return overflow || overflowOfSum ? (seconds < 0 ? .min : .max) : sum
        }

        var sinceEpoch: Duration { .seconds(seconds) + .nanoseconds(nanoseconds) }

        static func < (left: Moment, right: Moment) -> Bool {
            (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
        }
    }

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = Moment(status.st_mtim)
        changed = Moment(status.st_ctim)
    }

    func isSameFile(as other: Fingerprint) -> Bool { (device, inode) == (other.device, other.inode) }

    /// Whether `other` can be this file after a move, which alters `changed`.
    func isSameContent(as other: Fingerprint) -> Bool {
        (device, inode, size, modified) == (other.device, other.inode, other.size, other.modified)
    }
}
