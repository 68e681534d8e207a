import Files
import Glibc
import Synchronization

/// What uploads under way have been promised and have not written yet, so that together they do not fill the disk.
final class SpaceReservations: Sendable {
    private let promised = Atomic<Int64>(0)
    private let root: FileDescriptor

    /// Bytes. What is that small is not turned away over what others have announced and may never send; should the disk be
    /// full in earnest, its write says so.
    private static let alwaysTried: Int64 = 4 << 20

    /// `root`: any file of the file system.
    init(of root: FileDescriptor) {
        self.root = root
    }

    /// Bytes. Throws `insufficientSpace` if they are not there, or promised to others.
    func reserve(_ size: Int64) throws(StoreError) {
        let free = try freeSpace()
        guard size <= free else { throw .insufficientSpace(needed: size, free: free) }
        // Promise first, then look: of two at once, neither overlooks the other.
        let others = promised.add(size, ordering: .relaxed).oldValue
        guard size <= free - others || size <= Self.alwaysTried else {
            release(size)
            throw .insufficientSpace(needed: size, free: max(0, free - others))
        }
    }

    func release(_ size: Int64) {
        promised.subtract(size, ordering: .relaxed)
    }

    /// Bytes.
    var total: Int64 { promised.load(ordering: .relaxed) }

    private func freeSpace() throws(StoreError) -> Int64 {
        var system = statvfs()
        guard retrying({ fstatvfs(root.number, &system) }) == 0 else {
            throw .failed(SystemCallError("ask for the free space of", root.path))
        }
        let (bytes, overflow) = UInt64(system.f_bavail).multipliedReportingOverflow(by: UInt64(system.f_frsize))
        return overflow ? .max : Int64(clamping: bytes)
    }
}
