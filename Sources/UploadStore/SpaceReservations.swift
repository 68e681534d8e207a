import Files
import Glibc
import Synchronization
import UploadProtocol

/// What uploads under way have been promised and have not written yet, so that together they do not fill the disk.
///
/// Whoever announces much and sends little must not keep the others out: of what one Pi was promised, no more counts against
/// the others than an equal share of the free space.
final class SpaceReservations: Sendable {
    private let promised = Mutex<[PiName: Int64]>([:])
    private let root: FileDescriptor
    private let keptFree: KeptFree

    /// Bytes. What is that small is not turned away over what others have announced and may never send; should the disk be
    /// full in earnest, its write says so.
    private static let alwaysTried: Int64 = 4 << 20

    /// `root`: any file of the file system.
    init(of root: FileDescriptor, keepingFree keptFree: KeptFree) {
        self.root = root
        self.keptFree = keptFree
    }

    /// Bytes. Throws `insufficientSpace` if they are not there, or promised to others.
    func reserve(_ size: Int64, for pi: PiName) throws(StoreError) {
        let free = try freeSpace()
        guard size <= free else { throw .insufficientSpace(needed: size, free: free) }
        let available = promised.withLock { promised in
            let available = free - Self.counted(promised, against: pi, free: free)
            if size <= available || size <= Self.alwaysTried { promised[pi, default: 0] += size }
            return available
        }
        guard size <= available || size <= Self.alwaysTried else {
            throw .insufficientSpace(needed: size, free: max(0, available))
        }
    }

    /// Bytes that `reserve` would grant.
    func available(for pi: PiName) throws(StoreError) -> Int64 {
        let free = try freeSpace()
        let unpromised = promised.withLock { free - Self.counted($0, against: pi, free: free) }
        return max(unpromised, min(free, Self.alwaysTried))
    }

    func release(_ size: Int64, for pi: PiName) {
        promised.withLock { promised in
            let left = promised[pi, default: 0] - size
            promised[pi] = left > 0 ? left : nil
        }
    }

    /// Bytes.
    var total: Int64 { promised.withLock { $0.values.reduce(0, +) } }

    private static func counted(_ promised: [PiName: Int64], against pi: PiName, free: Int64) -> Int64 {
        let others = promised.filter { $0.key != pi }.values
        let large = others.count { $0 > alwaysTried }
        let share = free / Int64(large + 1)
        return promised[pi, default: 0] + others.reduce(0) { $0 + min($1, share) }
    }

    /// Beyond what is kept free.
    private func freeSpace() throws(StoreError) -> Int64 {
        var system = statvfs()
        guard retrying({ fstatvfs(root.number, &system) }) == 0 else {
            throw .failed(SystemCallError("ask for the free space of", root.path))
        }
        let unit = UInt64(system.f_frsize)
        let kept = keptFree.bytes(ofSize: Self.product(UInt64(system.f_blocks), unit))
        return max(0, Self.product(UInt64(system.f_bavail), unit) - kept)
    }

    private static func product(_ left: UInt64, _ right: UInt64) -> Int64 {
        let (bytes, overflow) = left.multipliedReportingOverflow(by: right)
        return overflow ? .max : Int64(clamping: bytes)
    }
}
