/// How the descriptors of the process (setrlimit(2), RLIMIT_NOFILE) are divided: who runs out of them in the middle of
/// something can neither store nor refuse.
struct DescriptorBudget: Hashable, Sendable {
    let connections: Int
    /// A file each.
    let uploads: Int
    /// Each holds a few files and folders while it makes an upload durable.
    let syncThreads: Int

    /// Ten thousand connections take some 500 MB.
    private static let mostConnections = 10_000
    private static let mostUploads = 4_096

    /// `eventLoops`: each has three of its own (epoll(7), eventfd(2), timerfd(2)).
    init(descriptors: Int, eventLoops: Int) {
        let own = 16 + 3 * eventLoops
        syncThreads = min(16, max(2, descriptors / 32))
        uploads = min(Self.mostUploads, max(8, descriptors / 4))
        connections = min(Self.mostConnections, max(8, descriptors - own - 4 * syncThreads - uploads))
    }
}
