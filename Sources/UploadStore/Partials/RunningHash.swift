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

    /// Reads `file` from where `earlier` got to, if that is there, until its end, or as long as it is wanted: perhaps nothing.
    /// `progress`: told of bytes as they are read.
    static func reading(
        _ file: FileDescriptor, after earlier: RunningHash? = nil, progress: ReadObserver,
        while isWanted: () -> Bool = { true }
    ) throws(SystemCallError) -> (hash: RunningHash, isWhole: Bool) {
        var hash = earlier?.copy ?? SHA256()
        var offset = earlier?.offset ?? 0
        try file.seek(to: offset)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 4096)
        defer { buffer.deallocate() }
        var isWhole = false
        while !isWhole, isWanted() {
            let count = try file.read(into: buffer)
            isWhole = count == 0
            hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += Int64(count)
            if count > 0 { progress(count) }
        }
        return (RunningHash(hash, offset: offset), isWhole)
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
