import Files
import Glibc
import OpenSSL
import Synchronization

/// The SHA-256 of the first bytes of a file, to be gone on with.
final class RunningHash: Sendable {
    /// Bytes that it has taken.
    let offset: Int64
    private let hash: SHA256

    init(_ hash: consuming SHA256, offset: Int64) {
        self.hash = hash
        self.offset = offset
    }

    /// Reads all of `file` from its start. `progress`: told of bytes as they are read. Throws ECANCELED as soon as it is not
    /// wanted, if need be before anything is read.
    convenience init(
        reading file: FileDescriptor, progress: ReadObserver, while isWanted: () -> Bool
    ) throws(SystemCallError) {
        try file.seek(to: 0)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 4096)
        defer { buffer.deallocate() }
        var hash = SHA256()
        var offset: Int64 = 0
        while true {
            guard isWanted() else { throw SystemCallError("read", file.path, code: ECANCELED) }
            let count = try file.read(into: buffer)
            if count == 0 { break }
            hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += Int64(count)
            progress(count)
        }
        self.init(hash, offset: offset)
    }

    var copy: SHA256 { hash.copy() }
}

/// The running hashes of uploads that wait for their next part, so that none is read again while this process lives, and
/// nobody else writes to it.
final class RunningHashes: Sendable {
    private struct Kept {
        let hash: RunningHash
        /// Of the file, when it was last ours.
        let stamp: FileStamp
    }

    private let hashes = Mutex<[PartialKey: Kept]>([:])

    /// A hash takes half a KiB.
    private static let most = 4096

    /// `nil` unless the last one that was kept has this offset, and the file is as it was then.
    func hash(of key: PartialKey, at offset: Int64, _ file: stat) -> RunningHash? {
        guard let kept = hashes.withLock({ $0[key] }), kept.hash.offset == offset, kept.stamp == FileStamp(file) else {
            return nil
        }
        return kept.hash
    }

    /// `file`: right after the last write.
    func keep(_ hash: RunningHash, of key: PartialKey, _ file: stat) {
        hashes.withLock { hashes in
            // Forgetting costs a reading, never a byte.
            if hashes.count >= Self.most { hashes.removeAll() }
            hashes[key] = Kept(hash: hash, stamp: FileStamp(file))
        }
    }

    func forget(_ key: PartialKey) {
        hashes.withLock { _ = $0.removeValue(forKey: key) }
    }
}
