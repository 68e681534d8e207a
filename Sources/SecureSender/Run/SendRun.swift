import CommandSupport
import Glibc
import MessageSignatures
import OpenSSL
import UploadProtocol

/// One run: sends every file of a scan over one connection at a time, and moves those that the receiver holds.
final class SendRun {
    let receiver: ReceiverAddress
    let identity: PiIdentity
    let settings: SenderSettings
    let source: Folder
    let report: (SendEvent) -> Void
    private let sentFiles: SentFiles

    var clock: SenderClock
    var pipeline: Pipeline
    var queue: FileQueue
    private var sentCount = 0
    private var failedCount = 0
    private var lastReceipt: (time: Int64, certificateEnd: Int64)?
    private var hasToldClock = false
    private var hasConnected = false
    /// Nothing is begun before: the receiver asked for it.
    private(set) var pauseEnd = Uptime.now
    private var pausesInARow = 0
    private(set) var reasonToGiveUp: String?

    init(
        to receiver: ReceiverAddress, as identity: PiIdentity, files: [FileScan.Entry], from source: Folder,
        sentFolder: Folder, clock: SenderClock, settings: SenderSettings, report: @escaping (SendEvent) -> Void
    ) {
        self.receiver = receiver
        self.identity = identity
        self.settings = settings
        self.source = source
        self.report = report
        self.clock = clock
        sentFiles = SentFiles(source: source, root: sentFolder)
        pipeline = Pipeline(settings: settings, isCautious: !clock.isSynchronised)
        queue = FileQueue(files: files, folder: source, hashedAtATime: settings.hashedAtATime)
    }

    /// Returns when every file was sent or has failed for this run; throws what ends the run before.
    func run() throws(CommandFailure) -> ExitStatus {
        report(.started(files: queue.count, receiver: receiver.url, pi: identity.name))
        defer {
            if let lastReceipt {
                LastReceiptTime(folder: sentFiles.root.path)
                    .remember(lastReceipt.time, certificateEnd: lastReceipt.certificateEnd)
            }
        }
        try sendAll()
        report(.finished(sent: sentCount, waiting: failedCount, folder: sentFiles.root.path))
        return failedCount == 0 ? .success : .temporaryFailure
    }

    private func sendAll() throws(CommandFailure) {
        while hasSomethingToSend() {
            switch try connectAndServe() {
            case .finished:
                // The queue may have ended with files that could not be read.
                continue
            case .orderly:
                _ = pipeline.disconnect(.orderly)
                if let reasonToGiveUp { return giveUp(reasonToGiveUp) }
            case .broken(let reason):
                if let reasonToGiveUp {
                    _ = pipeline.disconnect(.orderly)
                    return giveUp(reasonToGiveUp)
                }
                let consequence = pipeline.disconnect(.broken)
                for upload in consequence.failed {
                    fail(upload.file.path, reason: "the connection broke: \(reason)", hint: "it waits for the next run")
                }
                if consequence.givesUp { return leaveTheRest() }
            case .hopeless(let reason):
                return giveUp(reason)
            }
        }
    }

    private func connectAndServe() throws(CommandFailure) -> UploadConnection.Ending {
        // A receiver that restarts needs a moment, and one that asked for a pause has said how long.
        var pause = pauseEnd - .now
        if pipeline.barrenConnections > 0 {
            pause = max(pause, settings.pauseBeforeReconnecting * (1 << (pipeline.barrenConnections - 1)))
        }
        _ = poll(nil, 0, pause.milliseconds)
        let channel: SecureChannel
        do throws(ConnectFailure) {
            channel = try SecureChannel.open(
                to: receiver, as: identity, certificateTime: clock.certificateTime(at: .now), settings: settings)
        } catch {
            switch error {
            case .refused(let failure):
                throw failure
            case .unreachable(let reason, let hint):
                guard hasConnected else { throw .notReached(receiver, reason: reason, hint: hint) }
                return .broken(reason)
            }
        }
        hasConnected = true
        guard let connection = UploadConnection(channel, run: self) else {
            return .broken("the receiver has no certificate")
        }
        return try connection.serve()
    }

    /// Hashes until a file is ready: a connection would only wait for it.
    private func hasSomethingToSend() -> Bool {
        while pipeline.waiting.isEmpty {
            switch queue.prepare() {
            case .ready: return true
            case .unfinished: continue
            case .obstacle(let path, let obstacle): fail(path, reason: "\(obstacle)")
            case .empty: return false
            }
        }
        return true
    }

    private func giveUp(_ reason: String) {
        for upload in pipeline.unanswered + pipeline.waiting {
            fail(upload.file.path, reason: reason, hint: "it waits for the next run")
        }
        leaveTheRest()
    }

    private func leaveTheRest() {
        let rest = queue.count
        guard rest > 0 else { return }
        failedCount += rest
        report(.notice("\(counted(rest, "more file")) not tried, left for the next run"))
    }
}

extension SendRun {
    func fail(_ path: UploadPath, reason: String, hint: String? = nil) {
        failedCount += 1
        report(.failed(.notSent(path, reason: reason, hint: hint)))
    }

    /// The receiver has decided about a file: more may be under way.
    func proceed() {
        pipeline.proceed()
        pausesInARow = 0
    }

    /// Sends `upload` again after the pause that the receiver wants, within our limits.
    func postpone(_ upload: Pipeline.Upload, reason: String, seconds: Int64?, endsConnection: Bool) {
        pipeline.postpone(upload)
        // One pause for all that was under way together: the next upload is begun when the last of them was answered.
        if pipeline.unanswered.isEmpty || endsConnection { pausesInARow += 1 }
        if pausesInARow > settings.pausesInARow { reasonToGiveUp = reason }
        let pause = seconds.map { Duration.seconds($0) } ?? settings.pauseWithoutRetryAfter
        // Tomorrow, perhaps: the next run is a better time than the end of this one.
        if pause > settings.longestPause { reasonToGiveUp = reason }
        pauseEnd = max(pauseEnd, .now + min(pause, settings.longestPause))
    }

    /// Moves what the receiver has acknowledged together, and tells of it.
    func settle(_ batch: [AcknowledgedFile], certificateEnd: Int64) {
        for (acknowledged, outcome) in zip(batch, sentFiles.move(batch)) {
            let path = acknowledged.file.path
            switch outcome {
            case .moved(let name):
                sentCount += 1
                report(
                    .sent(
                        path, size: acknowledged.file.size, wasThere: acknowledged.receipt.receipt.result == .unchanged,
                        keptAs: name.utf8.elementsEqual(path.description.utf8) ? nil : name))
            case .changed:
                fail(path, reason: "\(FileObstacle.changed)", hint: "it waits for the next run")
            case .failed(let error):
                fail(path, reason: "the receiver has it, but it could not be moved: \(error)")
            }
        }
        if let time = batch.last?.receipt.parameters.created { lastReceipt = (time, certificateEnd) }
    }

    /// Takes the receiver's time, and says once if the clock is wrong: without a synchronised clock ours is older than it
    /// says, by design, and a system clock that is right needs no word.
    func correctClock(to receiverTime: Int64) {
        let ahead = clock.correct(to: receiverTime, at: .now)
        guard !hasToldClock, ahead.magnitude > UploadSignature.defaultTolerance else { return }
        hasToldClock = true
        report(
            .notice(
                "\(clock.isSynchronised ? "This Pi's clock or the receiver's" : "This Pi's clock") is wrong: it is "
                    + "\(roundedTime(ahead.magnitude)) \(ahead < 0 ? "ahead of" : "behind") the receiver's, which is used for "
                    + "this run\n  hint: timedatectl shows whether this Pi gets its time from the network"))
    }
}
