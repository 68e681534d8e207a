import NIOCore
import NIOPosix

/// Whether work makes progress: a timer alone would go on ticking while every upload hangs.
struct Heartbeat: Sendable {
    let eventLoops: MultiThreadedEventLoopGroup
    let commits: CommitQueue

    /// Returns once each event loop has come round and the pool that syncs files has done a piece of work. That may be the
    /// work of an upload: behind many slow ones, this one's turn comes late, and all is well nevertheless.
    func beat() async {
        await withTaskGroup(of: Void.self) { group in
            for loop in eventLoops.makeIterator() {
                group.addTask { try? await loop.submit {}.get() }
            }
            group.addTask { await commits.nextCompletion() }
        }
    }
}
