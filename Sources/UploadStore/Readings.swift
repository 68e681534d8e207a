import Files
import Glibc
import OpenSSL
import Synchronization

/// Reads files again for what they hash to. A reading that was put off goes on where it got to, as long as the file is as it was:
/// who reads in turns with others comes to the end too.
final class Readings: Sendable {
    struct Result {
        let hash: RunningHash
        /// When the first byte was read, in seconds since 1970.
        let began: Int64
        /// Whether the file has another stamp after any change made since then.
        let isSettled: Bool
    }

    private struct Unfinished {
        let reading: Result
        /// When the file is known to have been as it is, in seconds since 1970.
        let since: Int64
        /// When somebody read last.
        let time: Int64
    }

    /// Told of bytes.
    let progress: ReadObserver
    let clock: @Sendable () -> Int64
    private let unfinished = Mutex<[FileStamp: Unfinished]>([:])
    private let areGivenUp = Atomic(false)

    /// In seconds without a turn: what the disk lost meanwhile is noticed after that.
    private static let lifetime: Int64 = 3600
    /// Seconds: times are as coarse as the kernel's tick, on some file systems 2 s, so that a later change may look the same.
    private static let unsettled: Int64 = 3
    /// A hash takes half a KiB. Each Pi has one reading under way; the others are those that nobody came back for.
    private static let most = 4096

    init(progress: @escaping ReadObserver, clock: @escaping @Sendable () -> Int64) {
        self.progress = progress
        self.clock = clock
    }

    /// Ends all of them with ECANCELED, those under way and those to come.
    func giveUp() { areGivenUp.store(true, ordering: .relaxed) }

    /// In one go, from its first byte on, whatever was read of it before.
    func digest(of stored: StoredFile) throws(SystemCallError) -> SHA256Digest {
        let reading = try RunningHash.reading(stored.file, progress: progress, while: { !isGivenUp })
        guard reading.isWhole else { throw SystemCallError("read", stored.file.path, code: ECANCELED) }
        return reading.hash.copy.finish()
    }

    private var isGivenUp: Bool { areGivenUp.load(ordering: .relaxed) }

    /// `status`: of the file, before anything else is read of it. Throws ECANCELED as soon as it is not wanted.
    func hash(
        of file: FileDescriptor, _ status: stat, while isWanted: () -> Bool
    ) throws(SystemCallError) -> Result {
        let (stamp, now) = (FileStamp(status), clock())
        let last = unfinished.withLock { $0.removeValue(forKey: stamp) }
            .flatMap { (0..<Self.lifetime).contains(now - $0.time) ? $0 : nil }
        // A file's times may be of another clock, or of this one before it was set.
        let since = min(last?.since ?? now, Int64(status.st_ctim.tv_sec))
        // What was read beside a change may be from before it.
        let earlier = last?.reading.isSettled == true ? last?.reading : nil
        let reading = try RunningHash.reading(file, after: earlier?.hash, progress: progress) {
            isWanted() && !isGivenUp
        }
        let began = earlier?.began ?? now
        let result = Result(hash: reading.hash, began: began, isSettled: began - since >= Self.unsettled)
        guard reading.isWhole else {
            keep(Unfinished(reading: result, since: since, time: now), of: stamp)
            throw SystemCallError("read", file.path, code: ECANCELED)
        }
        return result
    }

    private func keep(_ result: Unfinished, of stamp: FileStamp) {
        unfinished.withLock { unfinished in
            if unfinished.count >= Self.most, let oldest = unfinished.min(by: { $0.value.time < $1.value.time })?.key {
                unfinished[oldest] = nil
            }
            unfinished[stamp] = result
        }
    }
}
