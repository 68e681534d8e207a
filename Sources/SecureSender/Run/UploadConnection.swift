import CommandSupport
import Files
import Glibc
import OpenSSL
import UploadProtocol

/// One connection's part of a run: keeps requests under way and takes their answers, neither waiting for the other.
final class UploadConnection {
    enum Ending {
        /// All was sent and answered.
        case finished
        /// Nobody is to blame; what is unanswered is sent again.
        case orderly
        case broken(String)
        /// It makes no sense to go on now.
        case hopeless(reason: String)
    }

    private let channel: SecureChannel
    private let run: SendRun
    private let judge: AnswerJudge
    private let certificateEnd: Int64
    private var parser = ResponseParser()
    /// Of the request that is being sent.
    private var body: FileBody?
    private let piece = PieceBuffer()
    private var lastProgress = Uptime.now

    /// `nil` if the receiver has shown no certificate.
    init?(_ channel: SecureChannel, run: SendRun) {
        guard let certificate = channel.peerCertificate else { return nil }
        self.channel = channel
        self.run = run
        certificateEnd = certificate.notAfter ?? 0
        judge = AnswerJudge(pi: run.identity.name, authority: run.receiver.authority, certificate: certificate)
    }

    func serve() throws(CommandFailure) -> Ending {
        while true {
            if let ending = fill() { return ending }
            if body == nil, run.pipeline.unanswered.isEmpty, run.pipeline.waiting.isEmpty, run.queue.count == 0 {
                channel.close()
                return .finished
            }
            let activity = channel.exchange(waiting: patience, hasMore: hasMore)
            if activity.sent > 0 { lastProgress = .now }
            if let ending = try take(activity) { return ending }
            if run.pipeline.unanswered.isEmpty { lastProgress = .now }
            if Uptime.now - lastProgress >= timeLimit {
                return .hopeless(reason: "the receiver gave no sign for \(timeLimit.components.seconds) s")
            }
            if let reason = run.reasonToGiveUp { return .hopeless(reason: reason) }
        }
    }

    private var mayBegin: Bool { run.pipeline.hasRoom && run.pauseEnd <= .now }

    /// Whether only the limit of bytes that wait for the socket keeps us from adding to them.
    private var hasMore: Bool {
        body != nil || mayBegin && (run.queue.isReady || !run.pipeline.waiting.isEmpty)
    }

    /// How long to wait for the socket: not at all while there is a file to hash.
    private var patience: Duration {
        if !run.queue.isReady, run.queue.count > 0 { return .zero }
        let now = Uptime.now
        let rest = timeLimit - (now - lastProgress)
        return run.pauseEnd > now ? min(rest, run.pauseEnd - now) : rest
    }

    /// How long nothing may come and nothing be taken. A large file that was sent takes the receiver its time.
    private var timeLimit: Duration {
        let limit = run.settings.inactivityTimeLimit
        guard let oldest = run.pipeline.unanswered.first?.file, body?.file != oldest else { return limit }
        return limit + .seconds(oldest.size / run.settings.durableBytesASecond)
    }
}

// MARK: - Sending

extension UploadConnection {
    /// Adds to what waits for the socket as much as the limits allow.
    private func fill() -> Ending? {
        while channel.writeFailure == nil, channel.unsentCount < run.settings.mostUnsentBytes {
            do throws(TLSError) {
                if body != nil {
                    guard try sendPiece() else { return abandonBody() }
                } else if mayBegin, let upload = run.pipeline.takeWaiting() {
                    try sendAgain(upload)
                } else if mayBegin, let ready = run.queue.take() {
                    try begin(Pipeline.Upload(file: ready.file), FileBody(ready.file, descriptor: ready.descriptor))
                } else if mayBegin, hashNext() {
                    continue
                } else {
                    break
                }
            } catch {
                return .broken("\(error)")
            }
        }
        // While the socket is busy the next file can be made ready.
        _ = hashNext()
        return nil
    }

    /// Signs at the last moment: the receiver judges the time when the head arrives.
    private func begin(_ upload: Pipeline.Upload, _ body: FileBody) throws(TLSError) {
        let request = PutRequest(
            upload.file, authority: run.receiver.authority, pi: run.identity.name, secret: run.identity.secret,
            created: run.clock.time(at: .now))
        run.pipeline.begin(upload)
        self.body = body.isComplete ? nil : body
        try channel.send(request.bytes)
    }

    private func sendAgain(_ upload: Pipeline.Upload) throws(TLSError) {
        let body: FileBody
        do throws(FileObstacle) {
            body = try FileBody(reopening: upload.file, below: run.source)
        } catch {
            return run.fail(upload.file.path, reason: "\(error)", hint: "it waits for the next run")
        }
        try begin(upload, body)
    }

    /// False if the file does not have the announced bytes any more.
    private func sendPiece() throws(TLSError) -> Bool {
        guard var body else { return true }
        let count: Int
        do throws(FileObstacle) {
            count = try body.next(into: piece.bytes)
        } catch {
            return false
        }
        self.body = body.isComplete ? nil : body
        try channel.send(piece.prefix(count))
        return true
    }

    /// A request that cannot be completed can only be ended with its connection.
    private func abandonBody() -> Ending {
        // The answer may have come before.
        if let file = body?.file, run.pipeline.unanswered.last?.file == file, run.pipeline.abandonLast() != nil {
            run.fail(file.path, reason: "\(FileObstacle.changed)", hint: "it waits for the next run")
        }
        return .orderly
    }

    /// Whether a file is ready, or may be at another call.
    private func hashNext() -> Bool {
        switch run.queue.prepare() {
        case .ready: return true
        case .unfinished, .empty: return false
        case .obstacle(let path, let obstacle):
            run.fail(path, reason: "\(obstacle)", hint: "it waits for the next run")
            return true
        }
    }
}

// MARK: - Receiving

extension UploadConnection {
    /// Takes all answers of one read as one batch, whatever ended the connection behind them.
    private func take(_ activity: SecureChannel.Activity) throws(CommandFailure) -> Ending? {
        parser.append(activity.received)
        var batch: [AcknowledgedFile] = []
        var outcome: Result<Ending?, CommandFailure> = .success(nil)
        answers: do throws(ResponseDoubt) {
            while let response = try parser.next() {
                outcome = take(response, into: &batch)
                if case .success(nil) = outcome { continue }
                break answers
            }
        } catch {
            outcome = .success(.broken("\(error)"))
        }
        if !batch.isEmpty { run.settle(batch, certificateEnd: certificateEnd) }
        if let ending = try outcome.get() { return ending }
        return try activity.end.map { (end) throws(CommandFailure) in try ending(after: end) }
    }

    private func take(
        _ response: Response, into batch: inout [AcknowledgedFile]
    ) -> Result<Ending?, CommandFailure> {
        guard let upload = run.pipeline.takeAnswered() else {
            return .success(response.closesConnection ? .orderly : .broken("the receiver answers what nobody asked"))
        }
        lastProgress = .now
        switch judge.verdict(on: response, for: upload.file) {
        case .stored(let receipt):
            run.proceed()
            batch.append(AcknowledgedFile(file: upload.file, receipt: receipt))
        case .refused(let reason, let hint):
            run.proceed()
            run.fail(upload.file.path, reason: reason, hint: hint)
        case .clockSkew(let receiverTime):
            run.correctClock(to: receiverTime)
            if !run.pipeline.retryWithCorrectedTime(upload) {
                run.fail(
                    upload.file.path, reason: "the receiver does not accept this Pi's time, not even its own",
                    hint: "it waits for the next run")
            }
        case .later(let reason, let seconds):
            run.postpone(upload, reason: reason, seconds: seconds, endsConnection: response.closesConnection)
        case .notAuthenticated(let reason, let hint):
            return .failure(.authenticationFailed(reason: reason, hint: hint))
        }
        return .success(response.closesConnection ? .orderly : nil)
    }

    private func ending(after end: SecureChannel.End) throws(CommandFailure) -> Ending {
        if case .refused(let error) = end {
            let failure = CommandFailure.authenticationFailed(
                error, receiver: run.receiver, identity: run.identity,
                certificateTime: run.clock.certificateTime(at: .now))
            if let failure { throw failure }
        }
        return run.pipeline.unanswered.isEmpty ? .orderly : .broken("\(end)")
    }
}
