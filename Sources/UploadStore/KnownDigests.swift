import Files
import Glibc
import OpenSSL
import Synchronization

/// Digests of files that were read lately and are as they were: to announce a file takes a few hundred bytes, and not each time is
/// one of gigabytes to be read for it.
///
/// What changes through the file system has another stamp afterwards. What the disk itself loses does not: so no digest is
/// believed for long.
final class KnownDigests: Sendable {
    private struct Known {
        let digest: SHA256Digest
        /// When its reading began, in seconds since 1970.
        let time: Int64
    }

    private let known = Mutex<[FileStamp: Known]>([:])
    private let readings: Readings

    /// In seconds: damage that the disk does is noticed after that.
    private static let lifetime: Int64 = 3600
    private static let most = 4096

    init(_ readings: Readings) {
        self.readings = readings
    }

    /// Throws ECANCELED if the file has to be read, and that is not wanted any more.
    func digest(of file: StoredFile, while isWanted: () -> Bool) throws(SystemCallError) -> SHA256Digest {
        let (stamp, now) = (FileStamp(file.status), readings.clock())
        if let known = known.withLock({ $0[stamp] }), (0..<Self.lifetime).contains(now - known.time) {
            return known.digest
        }
        let reading = try readings.hash(of: file.file, file.status, while: isWanted)
        let digest = reading.hash.copy.finish()
        guard reading.isSettled, FileStamp(try file.file.status()) == stamp else { return digest }
        known.withLock { known in
            // Forgetting costs a reading, never a byte.
            if known.count >= Self.most, let oldest = known.min(by: { $0.value.time < $1.value.time })?.key {
                known[oldest] = nil
            }
            known[stamp] = Known(digest: digest, time: reading.began)
        }
        return digest
    }
}
