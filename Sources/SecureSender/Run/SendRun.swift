import CommandSupport
import Glibc
import UploadProtocol

/// One run: sends every file of a source over one connection at a time, and moves those that the receiver holds. It ends
/// early where its folder wants to be looked at again; what it has begun goes on with the next.
final class SendRun {
    let receiver: ReceiverAddress
    let identity: PiIdentity
    let settings: SenderSettings
    let folder: Folder
    let report: (SendEvent) -> Void
    let sentFolder: Folder

    var clock: SenderClock
    var pipeline: Pipeline
    var queue: FileQueue
    /// Files that are on their way in parts.
    var inParts: [FileInParts] = []
    /// To be moved.
    var acknowledged: [AcknowledgedFile] = []
    /// While there is a connection.
    private(set) var mover: Mover?
    var refused = RefusedFiles()
    var turns = LaneTurns()
    var reach = LinkReach()
    var partSize: PartSize
    var policy: RetryPolicy
    /// Why and for how long the rest is left to the next run.
    private(set) var end: (reason: String, pause: Duration)?
    let piece = PieceBuffer()
    let stop: StopSignal
    /// Somebody wants us to end: nothing more is begun, and what is under way has until then.
    private(set) var stopTime: Uptime?
    private let source: FileSource
    /// The folder wants to be looked at again: nothing more is begun, and what is under way is answered.
    private(set) var wantsLook = false

    private let sentBefore: Int?
    var sentCount = 0
    var failedCount = 0
    /// Files that the receiver has, and that stay because the disk takes none.
    var immovableCount = 0
    /// Files that somebody has open for writing.
    var beingWrittenCount = 0
    var lastReceipt: (time: Int64, certificateEnd: Int64)?
    var hasToldClock = false
    var toldCertificates: Set<SendEvent.CertificateHolder> = []
    var lastPartAnswer = Uptime.now
    var lastHashingWord = Uptime.now
    private var hasConnected = false
    private let start = Uptime.now

    init(
        to receiver: ReceiverAddress, as identity: PiIdentity, files: FileSource, from folder: Folder,
        sentFolder: Folder, begun: BegunFiles = BegunFiles(), clock: SenderClock, settings: SenderSettings,
        stop: StopSignal = StopSignal(), report: @escaping (SendEvent) -> Void
    ) {
        self.receiver = receiver
        self.identity = identity
        self.settings = settings
        self.stop = stop
        self.folder = folder
        self.report = report
        self.clock = clock
        self.sentFolder = sentFolder
        pipeline = Pipeline(settings: settings, isCautious: !clock.isSynchronised)
        source = files
        queue = FileQueue(files, folder: folder, settings: settings, large: begun.large)
        inParts = begun.inParts
        // Whatever ended the run before, the receiver is asked how far they got.
        for file in inParts { _ = file.disconnected(isSuspect: false) }
        sentBefore = begun.sentBefore
        partSize = PartSize(time: settings.partTime, range: settings.partSizes)
        policy = RetryPolicy(settings: settings, now: .now)
    }

    var room: ReceiverRoom {
        get { queue.room }
        set { queue.room = newValue }
    }

    /// For the next look.
    var begun: BegunFiles {
        BegunFiles(large: queue.large, inParts: inParts, sentBefore: wantsLook ? (sentBefore ?? 0) + sentCount : nil)
    }

    /// Returns when every file was sent or has failed for this run, or the folder wants to be looked at again; throws what
    /// ends the run before.
    func run() throws(CommandFailure) -> ExitStatus {
        tellOfStart()
        defer {
            if let lastReceipt {
                LastReceiptTime(folder: sentFolder.path)
                    .remember(lastReceipt.time, certificateEnd: lastReceipt.certificateEnd)
            }
        }
        while end == nil, !isStopping(), !wantsLook, hasSomethingToSend() { try connectAndServe() }
        // Small files find no room either: the next run comes after a pause.
        if let lack = room.lack, sentCount == 0, room.waitingCount > 0, !room.mayHold(settings.inPartsAbove) {
            giveUp(lack, .zero)
        }
        if end != nil || isStopping() {
            wantsLook = false
        } else if queue.leftCount > 0, sentCount > 0 {
            wantsLook = true
        }
        if !wantsLook { tellOfEnd() }
        return failedCount == 0 ? .success : .temporaryFailure
    }

    private func tellOfStart() {
        let begunBytes = inParts.reduce(queue.large.size) { $0 + $1.file.size }
        guard sentBefore != nil else {
            let bytes = queue.bytes.map { $0 + begunBytes }
            let files = queue.count + inParts.count
            return report(.started(files: files, bytes: bytes, receiver: receiver.url, pi: identity.name))
        }
        // With those that are not quiet yet: they will be before the large ones are through.
        let confirmed = inParts.reduce(0) { $0 + $1.transfer.confirmed }
        report(
            .lookedAgain(
                files: source.totalCount + begun.files.count,
                bytes: source.totalBytes.map { $0 + begunBytes - confirmed }))
    }

    private func tellOfEnd() {
        var rest = room.leftCount + queue.leftCount
        if end != nil {
            rest += pipeline.waiting.count + pipeline.behind.count + inParts.count + queue.count + immovableCount
            // The next run is not to begin with these, but with the others.
            for upload in pipeline.behind { refused.add(upload.file.fingerprint, at: .now) }
        }
        failedCount += rest
        if rest > 0, let reason = end?.reason ?? room.lack {
            report(.gaveUp(reason: reason, files: rest, pause: end?.pause ?? .zero))
        }
        report(
            .finished(sent: (sentBefore ?? 0) + sentCount, waiting: failedCount, folder: sentFolder.path))
    }

    /// Whether somebody wants us to end.
    func isStopping() -> Bool {
        if stopTime == nil, stop.isWanted { stopTime = .now + settings.patienceAtEnd }
        return stopTime != nil
    }

    /// Hashes until something is ready: a connection would only wait for it.
    private func hasSomethingToSend() -> Bool {
        while pipeline.nothingWaits, inParts.isEmpty, queue.readySmall == nil, queue.readyLarge == nil {
            guard queue.hasWork, !isStopping() else { return false }
            prepare()
            if seesNews(since: start) { return false }
        }
        return true
    }

    /// Large files may take days, and what has come meanwhile must not wait for them. While nothing gets through it does: a
    /// new look would forget how long to pause.
    func seesNews() -> Bool {
        guard let since = policy.firstProgress else { return false }
        return seesNews(since: since)
    }

    private func seesNews(since time: Uptime) -> Bool {
        guard !wantsLook else { return true }
        let isLong = Uptime.now - time >= max(settings.shortestLook, source.quietTime)
        wantsLook = source.isOutdated || isLong && queue.hasNoSmall && pipeline.nothingWaits && source.takeNews()
        return wantsLook
    }
}

// MARK: - Connections

extension SendRun {
    private func connectAndServe() throws(CommandFailure) {
        stop.wait(until: policy.pauseEnd)
        if isStopping() { return }
        report(.connecting)
        let channel: SecureChannel
        do throws(ConnectFailure) {
            channel = try SecureChannel.open(
                to: receiver, as: identity, certificateTime: clock.certificateTime(at: .now), settings: settings,
                stop: stop
            ) { self.report(.waiting($0)) }
        } catch {
            return try takeConnectFailure(error)
        }
        guard let connection = UploadConnection(channel, run: self) else {
            return takeFailure("the receiver has no certificate")
        }
        hasConnected = true
        mover = Mover(SentFiles(source: folder, root: sentFolder, certificate: channel.peerCertificate, stop: stop))
        report(.connected(cipherSuite: channel.cipherSuite))
        warnOfCertificates(receiver: connection.certificateEnd, time: clock.time(at: .now))
        defer {
            settleAll(certificateEnd: connection.certificateEnd)
            mover = nil
        }
        switch try connection.serve() {
        case .finished: reach.ended(isBroken: false)
        case .orderly: disconnect(.orderly)
        case .broken(let reason):
            disconnect(.broken, reason: reason)
            if end == nil { takeFailure(reason) }
        }
    }

    private func takeConnectFailure(_ error: ConnectFailure) throws(CommandFailure) {
        switch error {
        case .refused(let failure):
            throw failure
        case .unreachable(let reason, let hint, let mayPass):
            if isStopping() { return }
            guard
                hasConnected || settings.giveUpAfter == nil
                    || (mayPass && Uptime.now - start < settings.giveUpUnreachedAfter)
            else {
                throw .notReached(receiver, reason: reason, hint: hint)
            }
            takeFailure(reason)
        }
    }

    private func takeFailure(_ reason: String) {
        switch policy.failed(at: .now) {
        case .retry(let pause): report(.reconnecting(after: pause, reason: reason))
        case .giveUp(let pause): giveUp(reason, pause)
        }
    }

    /// The first reason is the one that counts.
    func giveUp(_ reason: String, _ pause: Duration) {
        if end == nil { end = (reason, pause) }
    }

    private func disconnect(_ ending: Pipeline.Ending, reason: String = "") {
        reach.ended(isBroken: ending == .broken && !pipeline.unanswered.isEmpty)
        let consequence = pipeline.disconnect(ending)
        if let upload = consequence.failed { fail(upload.file.path, reason: "the connection broke: \(reason)") }
        for file in inParts {
            let breaks = file.disconnected(isSuspect: file.file == consequence.suspect)
            guard breaks >= settings.breaksOfOneFile else { continue }
            fail(file, reason: "the connection broke: \(reason)")
        }
    }
}
