import Files
import Glibc
import Synchronization

/// Reads files again for what they hash to. A reading that was put off goes on where it got to, as long as the file is as it was:
/// who reads in turns with others comes to the end too.
final class Readings: Sendable {
    struct Result {
        let hash: RunningHash
        /// When the first byte was read, in seconds since 1970.
        let began: Int64
    }

    private struct Unfinished {
        let reading: Result
        /// When somebody read last.
        let time: Int64
    }

    /// Told of bytes.
    let progress: ReadObserver
    let clock: @Sendable () -> Int64
    private let unfinished = Mutex<[FileStamp: Unfinished]>([:])

    /// In seconds without a turn: what the disk lost meanwhile is noticed after that.
    private static let lifetime: Int64 = 3600
    /// A hash takes half a KiB. Each Pi has one reading under way; the others are those that nobody came back for.
    private static let most = 4096

    init(progress: @escaping ReadObserver, clock: @escaping @Sendable () -> Int64) {
        self.progress = progress
        self.clock = clock
    }

    /// `status`: of the file, before anything else is read of it. Throws ECANCELED as soon as it is not wanted.
    func hash(
        of file: FileDescriptor, _ status: stat, while isWanted: () -> Bool
    ) throws(SystemCallError) -> Result {
        let (stamp, now) = (FileStamp(status), clock())
        let earlier = unfinished.withLock { $0.removeValue(forKey: stamp) }
            .flatMap { (0..<Self.lifetime).contains(now - $0.time) ? $0.reading : nil }
        let reading = try RunningHash.reading(file, after: earlier?.hash, progress: progress, while: isWanted)
        let result = Result(hash: reading.hash, began: earlier?.began ?? now)
        guard reading.isWhole else {
            keep(Unfinished(reading: result, time: now), of: stamp)
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
