/// How the descriptors of the process (setrlimit(2), RLIMIT_NOFILE) are divided: who runs out of them in the middle of
/// something can neither store nor refuse.
struct DescriptorBudget: Hashable, Sendable {
    let connections: Int
    /// A file each: notes and folders are opened only as long as somebody works at them.
    let uploads: Int
    /// Each holds `filesOfCommit` while it makes an upload durable.
    let syncThreads: Int

    /// At most, beside the upload itself, where one replaces another: two folders and a file open, a receipt, and what becomes
    /// of the earlier version.
    static let filesOfCommit = 7
    /// Standard input, output and errors, the socket, the store's folders and lock, and what Swift and its libraries have.
    static let own = 16
    /// Three of its own (epoll(7), eventfd(2), timerfd(2)), and what it reads or looks at for a moment.
    static let ofEventLoop = 4

    /// One Pi alone has half of them. The more syncs wait at the same time, the more of them one commit of the file system's
    /// journal ends.
    private static let mostSyncThreads = 64
    /// Ten thousand connections take some 500 MB.
    private static let mostConnections = 10_000
    private static let mostUploads = 4_096

    init(descriptors: Int, eventLoops: Int) {
        let own = Self.own + Self.ofEventLoop * eventLoops
        syncThreads = min(Self.mostSyncThreads, max(2, descriptors / 32))
        uploads = min(Self.mostUploads, max(8, descriptors / 4))
        connections = min(Self.mostConnections, max(8, descriptors - own - Self.filesOfCommit * syncThreads - uploads))
    }
}
