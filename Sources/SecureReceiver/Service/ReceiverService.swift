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
struct ReceiverService: Service, CustomStringConvertible {
    private let configuration: ReceiverConfiguration
    private let logger: Logger
    private let identifiers: WatchedFiles<IdentifierList>
    private let credentials: WatchedFiles<Credentials>
    private let manager: ServiceManager?
    private let receiver: Receiver
    private let connections: ConnectionRegistry
    private let sightings: IdentitySightings
    private let onListening: @Sendable (SocketAddress) async -> Void

    /// Throws CommandFailure for whatever is missing or unusable, before anything is listened to.
    /// `manager`: who started it and wants to be told. `onListening` is told the address with the port that was really taken.
    init(
        _ configuration: ReceiverConfiguration, logger: Logger, manager: ServiceManager? = nil,
        onListening: @escaping @Sendable (SocketAddress) async -> Void
    ) throws(CommandFailure) {
        self.configuration = configuration
        self.logger = logger
        self.manager = manager
        sightings = IdentitySightings(logger: logger)
        self.onListening = onListening
        connections = ConnectionRegistry(configuration.limits)
        identifiers = try Prerequisites.identifiers(configuration.identifiers, logger: logger)
        let signs = SignsOfLife()
        let store = try Prerequisites.store(configuration, logger: logger) { _ in
            signs.give()
            manager?.isStillStarting()
        }
        credentials = try Prerequisites.credentials(configuration, logger: logger)
        let authenticator = Authenticator(identifiers: identifiers, tolerance: configuration.clockTolerance)
        receiver = Receiver(
            admission: Admission(authenticator: authenticator, largestFile: configuration.largestFile),
            store: store, commits: CommitQueue(threads: configuration.syncThreads, signs: signs),
            limit: UploadLimit(configuration.uploadsUnderWay),
            quota: DayQuota(files: configuration.limits.filesPerDay, bytes: configuration.limits.bytesPerDay),
            resumableAbove: configuration.resumableAbove, tally: Tally(), logger: logger)
    }

    /// For the log: whoever runs services names them by it.
    var description: String { "receiver" }

    func run() async throws {
        tellOfRecovery()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let listener: any Channel
        do {
            listener = try await Listener.bind(to: configuration, on: group, gate: AcceptGate(connections)) {
                try self.configure($0)
            }
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        let sweeping = receiver.sweepHourly(on: group.next())
        if let address = listener.localAddress { await onListening(address) }
        await serve(listener, group)
        sweeping.cancel()
        // Nobody waits for an answer any more; a large file may take many minutes.
        receiver.store.giveUpReadings()
        try await receiver.commits.stop()
        try await group.shutdownGracefully()
        receiver.refusals.tellOfOthers(all: true, to: logger)
        logger.info("stopped")
    }

    /// Until it is told to stop, and everything under way has ended.
    private func serve(_ listener: any Channel, _ group: MultiThreadedEventLoopGroup) async {
        let upkeep = Upkeep(
            manager: manager, heartbeat: Heartbeat(eventLoops: group, commits: receiver.commits),
            identifiers: identifiers, credentials: credentials, refusals: receiver.refusals,
            status: { self.status }, logger: logger)
        async let _: Void = upkeep.run()
        manager?.isReady(status: status)
        await withGracefulShutdownHandler {
            try? await listener.closeFuture.get()
        } onGracefulShutdown: {
            listener.close(promise: nil)
        }
        manager?.isStopping(status: "Ending what is under way: \(status)")
        await drain()
    }

    /// For people.
    private var status: String {
        let (open, underWay) = (connections.count, receiver.limit.underWay)
        let trouble = [identifiers.trouble, credentials.trouble].compactMap { $0 }
        return "\(open) \(open == 1 ? "connection" : "connections"), "
            + "\(underWay) \(underWay == 1 ? "upload" : "uploads") under way, \(receiver.tally.text)"
            + (trouble.isEmpty ? "" : "; see the log: \(trouble.joined(separator: ", "))")
    }

    /// Reads everything again that can change while the receiver runs. What is unusable stays as it was; the log says so.
    func reload() {
        manager?.isReloading()
        identifiers.reload()
        credentials.reload()
        manager?.isReady(status: status)
    }

    /// Ends the wait for what is under way. What was received whole is still stored.
    func stopAtOnce() {
        logger.notice("stopping at once: connections closed", metadata: ["connections": "\(connections.count)"])
        connections.closeAll()
    }

    private func tellOfRecovery() {
        let recovery = receiver.store.recovery
        if recovery.finished + recovery.undone + recovery.temporariesRemoved + recovery.partialsRemoved > 0 {
            logger.notice(
                "store repaired after an interruption",
                metadata: [
                    "replacements_finished": "\(recovery.finished)", "uploads_undone": "\(recovery.undone)",
                    "temporaries_removed": "\(recovery.temporariesRemoved)",
                    "partials_removed": "\(recovery.partialsRemoved)",
                ])
        }
        for replacement in recovery.unfinished {
            logger.error(
                "upload neither finished nor taken back; to be tried again, at the latest at the next start",
                metadata: ["replacement": "\(replacement)"])
        }
    }

    /// Answers what was begun; after the time for that, closes what is left.
    private func drain() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await connections.drain()
                logger.info(
                    "stopping: ending what is under way",
                    metadata: ["connections": "\(connections.count)", "seconds": "\(configuration.drainSeconds)"])
                await connections.waitUntilEmpty()
            }
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
        let address = channel.remoteAddress?.plainAddress ?? "-"
        logger[metadataKey: "address"] = "\(address)"
        var decoder = NIOHTTPDecoderLimitConfiguration()
        decoder.maxHeaderFieldSize = 8 * 1024
        decoder.maxHeaderListSize = 32 * 1024
        decoder.maxHeaderFieldCount = 64
        let limits = configuration.limits
        var tlsLimits = TLSServerHandler.Limits()
        tlsLimits.handshake = limits.handshakeTime
        let tls = TLSServerHandler(context: credentials.tls, limits: tlsLimits)
        let plaintext = PlaintextWatch()
        try channel.pipeline.syncOperations.addHandlers([
            tls,
            plaintext,
            HTTPResponseEncoder(),
            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoder)),
            SightingHandler(sightings, address: address),
            ClientLimitsHandler(
                limits, plaintext: plaintext, presence: connections.add(channel), connections: connections),
            HTTPConnectionHandler(
                receiver: receiver, credentials: credentials, mostInFlight: limits.requestsInFlight,
                sightings: sightings, address: address, logger: logger),
        ])
        let bound = NIOLoopBound(tls, eventLoop: channel.eventLoop)
        channel.closeFuture.whenComplete { [logger] _ in
            logger.debug("connection closed", metadata: ["decrypted": "\(bound.value.plaintextByteCount)"])
        }
    }
}
