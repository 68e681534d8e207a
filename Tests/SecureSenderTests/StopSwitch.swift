import Files
import Foundation

/// Ends a loop when it is told to.
final class StopSwitch: Sendable {
    let readEnd: FileDescriptor
    private let writeEnd: FileDescriptor

    init() {
        var ends: [Int32] = [-1, -1]
        pipe(&ends)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (readEnd, writeEnd) = (
            FileDescriptor(takingOwnershipOf: ends[0], path: "stop"),
            FileDescriptor(takingOwnershipOf: ends[1], path: "stop")
        )
    }

    func stop() { try? writeEnd.write([0]) }
}
