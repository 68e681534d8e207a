import NIOCore
import NIOPosix

/// Whether work makes progress: a timer alone would go on ticking while every upload hangs.
struct Heartbeat: Sendable {
    let eventLoops: MultiThreadedEventLoopGroup
    let commits: CommitQueue

    /// Returns once each event loop has come round and, where uploads wait for a thread of the pool that syncs files, one
    /// of those before them gets on. That may be one that reads a large file, and takes long: all is well nevertheless.
    func beat() async {
        await withTaskGroup(of: Void.self) { group in
            for loop in eventLoops.makeIterator() {
                group.addTask { try? await loop.submit {}.get() }
            }
            group.addTask { await commits.nextSignOfLife() }
        }
    }
}
