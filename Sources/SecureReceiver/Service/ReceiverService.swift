import CommandSupport
import Logging
import NIOCore
import NIOHTTP1
import NIOOpenSSL
import NIOPosix
import OpenSSL
import ServiceLifecycle
import Synchronization
import UploadProtocol
import UploadStore

/// The receiver from start to stop: reads what it needs, listens, and on SIGTERM ends what is under way.
struct ReceiverService: Service {
    private let configuration: ReceiverConfiguration
    private let logger: Logger
    private let credentials: WatchedFiles<Credentials>
    private let receiver: Receiver
    private let connections = ConnectionRegistry()
    private let onListening: @Sendable (SocketAddress) async -> Void

    /// Throws CommandFailure for whatever is missing or unusable, before anything is listened to.
    /// `onListening` is told the address with the port that was really taken.
    init(
        _ configuration: ReceiverConfiguration, logger: Logger,
        onListening: @escaping @Sendable (SocketAddress) async -> Void
    ) throws(CommandFailure) {
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
        let identifiers = try Prerequisites.identifiers(configuration.identifiers, logger: logger)
        let store = try Prerequisites.store(configuration.store)
        credentials = try Prerequisites.credentials(configuration, logger: logger)
        let authenticator = Authenticator(identifiers: identifiers, tolerance: configuration.clockTolerance)
        receiver = Receiver(
            admission: Admission(authenticator: authenticator, largestFile: configuration.largestFile),
            store: store, commits: CommitQueue(threads: configuration.syncThreads),
            limit: UploadLimit(configuration.uploadsUnderWay), logger: logger)
    }

    func run() async throws {
        tellOfRecovery()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let listener: any Channel
        do {
            listener = try await Listener.bind(to: configuration, on: group) { try self.configure($0) }
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        if let address = listener.localAddress { await onListening(address) }
        try await withGracefulShutdownHandler {
            try await listener.closeFuture.get()
        } onGracefulShutdown: {
            listener.close(promise: nil)
        }
        await drain()
        try await receiver.commits.stop()
        try await group.shutdownGracefully()
        logger.info("stopped")
    }

    private func tellOfRecovery() {
        let recovery = receiver.store.recovery
        if recovery.finished + recovery.undone + recovery.temporariesRemoved > 0 {
            logger.notice(
                "store repaired after an interruption",
                metadata: [
                    "replacements_finished": "\(recovery.finished)", "uploads_undone": "\(recovery.undone)",
                    "temporaries_removed": "\(recovery.temporariesRemoved)",
                ])
        }
        for replacement in recovery.unfinished {
            logger.error(
                "replacement not finished, to be tried again before the next upload of that file",
                metadata: ["replacement": "\(replacement)"])
        }
    }

    /// Answers what was begun; after the time for that, closes what is left.
    private func drain() async {
        logger.info("stopping: ending what is under way", metadata: ["seconds": "\(configuration.drainSeconds)"])
        connections.drain()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await connections.waitUntilEmpty() }
            group.addTask {
                try? await Task.sleep(for: .seconds(configuration.drainSeconds))
                if !Task.isCancelled { connections.closeAll() }
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func configure(_ channel: any Channel) throws {
        let credentials = credentials.current
        var logger = logger
        logger[metadataKey: "address"] = "\(channel.remoteAddress?.ipAddress ?? "-")"
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = 8 * 1024
        limits.maxHeaderListSize = 32 * 1024
        limits.maxHeaderFieldCount = 64
        try channel.pipeline.syncOperations.addHandlers([
            TLSServerHandler(context: credentials.tls),
            HTTPResponseEncoder(),
            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)),
            IdleStateHandler(allTimeout: .seconds(configuration.idleSeconds)),
            HTTPConnectionHandler(
                receiver: receiver, credentials: credentials, mostInFlight: configuration.requestsInFlight,
                logger: logger),
        ])
        connections.add(channel)
    }
}
