import Files
import Glibc
import OpenSSL
import Synchronization

/// Digests of files that were read lately and are as they were: to announce a file takes a few hundred bytes, and not each time is
/// one of gigabytes to be read for it.
///
/// What changes through the file system has another version afterwards. What the disk itself loses does not: so no digest is
/// believed for long.
final class KnownDigests: Sendable {
    /// What differs after a write, a truncation, a rename or a link; the time of the last change cannot be set (stat(3type)).
    private struct Version: Hashable {
        private let numbers: [Int]

        init(_ status: stat) {
            let (modified, changed) = (status.st_mtim, status.st_ctim)
            numbers = [
                Int(bitPattern: UInt(status.st_dev)), Int(bitPattern: UInt(status.st_ino)), Int(status.st_size),
                modified.tv_sec, modified.tv_nsec, changed.tv_sec, changed.tv_nsec,
            ]
        }
    }

    private struct Known {
        let digest: SHA256Digest
        /// When its reading began, in seconds since 1970.
        let time: Int64
    }

    private let known = Mutex<[Version: Known]>([:])
    private let clock: @Sendable () -> Int64

    /// In seconds: damage that the disk does is noticed after that.
    private static let lifetime: Int64 = 3600
    /// Seconds: times are as coarse as the kernel's tick, on some file systems 2 s, so that a later change may look the same.
    private static let unsettled: Int64 = 3
    private static let most = 4096

    init(clock: @escaping @Sendable () -> Int64) {
        self.clock = clock
    }

    /// `progress`: told of bytes if it has to be read; ends that if it throws.
    func digest(
        of file: StoredFile, progress: (Int) throws(SystemCallError) -> Void
    ) throws(SystemCallError) -> SHA256Digest {
        let (version, now) = (Version(file.status), clock())
        if let known = known.withLock({ $0[version] }), (0..<Self.lifetime).contains(now - known.time) {
            return known.digest
        }
        let digest = try file.digest(progress: progress)
        guard now - Int64(file.status.st_ctim.tv_sec) >= Self.unsettled, Version(try file.file.status()) == version
        else {
            return digest
        }
        known.withLock { known in
            // Forgetting costs a reading, never a byte.
            if known.count >= Self.most { known.removeAll() }
            known[version] = Known(digest: digest, time: now)
        }
        return digest
    }
}
