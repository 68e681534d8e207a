import Files
import Glibc
package import OpenSSL
import Synchronization
package import UploadProtocol

/// One upload on its way in: a file without a name, hashed while it is written. Let go without a commit, nothing of it
/// remains.
///
/// It is one caller's at a time, an event loop's and then a pool thread's; the lock, never contended, proves it.
package final class IncomingUpload: Sendable {
    package let pi: PiName
    package let path: UploadPath
    /// Bytes that were announced.
    package let size: Int64

    let file: TemporaryFile
    private let reservations: SpaceReservations
    private let progress: Mutex<Progress>

    private struct Progress: ~Copyable {
        var received: Int64
        var hash: SHA256
        /// Once all has come.
        var digest: SHA256Digest?
        var unwritten: Int64 = 0
        /// Bytes that are promised to it and not written yet.
        var reserved: Int64
        /// The disk failed at some of them: nobody knows any more what a sync would make durable.
        var isDamaged = false
    }

    /// So much may wait in memory before the disk is told to begin: a sync at the end of a large file would otherwise have
    /// all of it to write.
    private static let mostUnwritten: Int64 = 16 << 20

    /// Takes over what was reserved for `size`.
    init(pi: PiName, path: UploadPath, size: Int64, file: TemporaryFile, reserved reservations: SpaceReservations) {
        self.pi = pi
        self.path = path
        self.size = size
        self.file = file
        self.reservations = reservations
        progress = Mutex(Progress(received: 0, hash: SHA256(), reserved: size))
    }

    /// Goes on with a file that holds as many bytes as `hash` has taken. Takes over the `room` that was reserved for the next.
    init(
        resuming announced: AnnouncedFile, content: TemporaryFile, at hash: RunningHash, room: Int64,
        reserved reservations: SpaceReservations
    ) {
        pi = announced.pi
        path = announced.path
        size = announced.size
        file = content
        self.reservations = reservations
        progress = Mutex(Progress(received: hash.offset, hash: hash.copy, reserved: room))
    }

    deinit {
        reservations.release(progress.withLock { $0.reserved }, for: pi)
    }

    /// Bytes so far.
    package var received: Int64 { progress.withLock { $0.received } }

    /// The disk failed at bytes that were written: what came is not to be kept.
    var isDamaged: Bool { progress.withLock { $0.isDamaged } }

    /// Writes and hashes the next bytes. After an error the upload is to be let go.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        let count = Int64(bytes.count)
        try progress.withLock { (progress) throws(StoreError) in
            precondition(progress.digest == nil, "an upload that is finished takes no more bytes")
            guard count <= size - progress.received else { throw .longerThanAnnounced(size) }
            do throws(SystemCallError) { try file.file.write(bytes) } catch {
                // What there is no room for is not written; all else may have taken earlier bytes with it.
                if error.code != ENOSPC, error.code != EDQUOT { progress.isDamaged = true }
                throw StoreError(error, needed: size)
            }
            progress.hash.update(bytes)
            progress.received += count
            progress.unwritten += count
            let released = min(count, progress.reserved)
            progress.reserved -= released
            reservations.release(released, for: pi)
            guard progress.unwritten >= Self.mostUnwritten else { return }
            progress.unwritten = 0
            do throws(SystemCallError) { try file.startWriting() } catch {
                progress.isDamaged = true
                throw StoreError(error, needed: size)
            }
        }
    }

    /// The SHA-256 of all that was written; to be compared with what the sender signed before the commit.
    package func finish() -> SHA256Digest {
        progress.withLock { progress in
            if let digest = progress.digest { return digest }
            let digest = progress.hash.copy().finish()
            progress.digest = digest
            return digest
        }
    }

    /// What has been taken so far.
    var runningHash: RunningHash {
        progress.withLock { RunningHash($0.hash.copy(), offset: $0.received) }
    }

    /// Forgets what came behind an earlier point.
    func goBack(to earlier: RunningHash) throws(SystemCallError) {
        try file.file.truncate(to: earlier.offset)
        try file.file.seek(to: earlier.offset)
        progress.withLock { progress in
            progress.received = earlier.offset
            progress.hash = earlier.copy
        }
    }

    /// Throws unless every byte came and `finish()` was called.
    func finishedDigest() throws(StoreError) -> SHA256Digest {
        let (received, digest) = progress.withLock { ($0.received, $0.digest) }
        guard received == size, let digest else { throw .incomplete(received: received, size: size) }
        return digest
    }
}
