import CommandSupport
import Files
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
    }

    /// Seconds since 1970.
    let certificateEnd: Int64
    private let channel: SecureChannel
    private let run: SendRun
    private let judge: AnswerJudge
    private var parser = ResponseParser()
    /// Of the request that is being sent.
    private var body: FileBody?
    private var lastProgress = Uptime.now
    private var lastWord = Uptime.now
    private var answers = 0
    /// Whether only the socket keeps more from being sent.
    private var isHeldUp = false
    /// Whether something was hashed since the socket was looked after.
    private var isBusy = false

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
            if body == nil, run.isDone {
                channel.close()
                return .finished
            }
            run.settle(certificateEnd: certificateEnd)
            let activity = channel.exchange(waiting: patience, hasMore: isHeldUp, or: run.mover?.descriptor)
            if activity.sent > 0 || run.pipeline.unanswered.isEmpty { lastProgress = .now }
            if let ending = try take(activity) { return ending }
            if run.end != nil || run.isStopping() && run.stopTime.map({ $0 <= .now }) == true { return .orderly }
            let silence = Uptime.now - lastProgress
            if silence >= timeLimit {
                return .broken("the receiver gave no sign for \(silence.components.seconds) s")
            }
            tell(silence)
        }
    }

    /// A silence as short as that needs no word. What the kernel has taken may be on its way for as long again: so each second
    /// has progress or a word.
    private static let shortestSilence: Duration = .milliseconds(400)

    private var nextWord: Uptime { max(lastProgress + Self.shortestSilence, lastWord + SenderSettings.wordInterval) }

    /// How long to wait for the socket: not at all if there was something to hash, which may be ready to go by now, and never
    /// so long that whoever watches has to wonder whether we are alive.
    private var patience: Duration {
        if isBusy, run.stopTime == nil { return .zero }
        let now = Uptime.now
        let times = [lastProgress + timeLimit, nextWord, run.policy.pauseEnd, run.stopTime ?? now]
        return times.filter { $0 > now }.min().map { min($0 - now, .seconds(1)) } ?? .zero
    }

    private func tell(_ silence: Duration) {
        guard Uptime.now >= nextWord else { return }
        lastWord = .now
        run.report(.waiting(silence))
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
        isHeldUp = false
        while channel.writeFailure == nil {
            guard channel.unsentCount < run.settings.mostUnsentBytes else {
                isHeldUp = true
                break
            }
            do throws(TLSError) {
                if body != nil {
                    if let obstacle = try sendPiece() { return abandonBody(obstacle) }
                } else if let departure = run.next() {
                    try begin(departure)
                } else if !run.prepareSmall() {
                    break
                }
            } catch {
                return .broken("\(error)")
            }
        }
        // While the socket is busy the next files can be made ready.
        isBusy = run.hasWork
        if isBusy { run.prepare() }
        return nil
    }

    /// Signs at the last moment: the receiver judges the time when the head arrives.
    private func begin(_ departure: Departure) throws(TLSError) {
        body = departure.body.flatMap { $0.isComplete ? nil : $0 }
        channel.recordSize = run.reach.largestRecord
        channel.mostOnTheWay = run.reach.mostOnTheWay
        let request = UploadRequest(departure.exchange, pi: run.identity.name)
        try channel.send(
            request.signed(
                authority: run.receiver.authority, pi: run.identity.name, secret: run.identity.secret,
                created: run.clock.time(at: .now)))
    }

    /// Returns why the announced bytes cannot be had any more.
    private func sendPiece() throws(TLSError) -> FileObstacle? {
        guard var body else { return nil }
        let count: Int
        do throws(FileObstacle) {
            count = try body.next(into: run.piece.bytes)
        } catch {
            return error
        }
        self.body = body.isComplete ? nil : body
        try channel.send(run.piece.prefix(count))
        return nil
    }

    /// A request that cannot be completed can only be ended with its connection.
    private func abandonBody(_ obstacle: FileObstacle) -> Ending {
        // The answer may have come before.
        if let file = body?.file, run.pipeline.unanswered.last?.file == file, let exchange = run.pipeline.abandonLast()
        {
            run.fail(exchange, reason: "\(obstacle)", hint: obstacle.wayOut ?? "it waits for the next run")
        }
        return .orderly
    }
}

// MARK: - Receiving

extension UploadConnection {
    /// Takes all answers of one read, whatever ended the connection behind them.
    private func take(_ activity: SecureChannel.Activity) throws(CommandFailure) -> Ending? {
        parser.append(activity.received)
        while let response = parsed() {
            switch response {
            case .failure(let doubt): return .broken("\(doubt)")
            case .success(let response): if let ending = try take(response) { return ending }
            }
        }
        return try activity.end.map { (end) throws(CommandFailure) in try ending(after: end) }
    }

    private func parsed() -> Result<Response, ResponseDoubt>? {
        do throws(ResponseDoubt) { return try parser.next().map { .success($0) } } catch { return .failure(error) }
    }

    private func take(_ response: Response) throws(CommandFailure) -> Ending? {
        guard let exchange = run.pipeline.takeAnswered() else {
            return response.closesConnection ? .orderly : .broken("the receiver answers what nobody asked")
        }
        lastProgress = .now
        answers += 1
        if let reason = try run.take(judge.verdict(on: response, to: exchange), of: exchange) { return .broken(reason) }
        return response.closesConnection ? .orderly : nil
    }

    private func ending(after end: SecureChannel.End) throws(CommandFailure) -> Ending {
        if case .refused(let error) = end {
            let failure = CommandFailure.authenticationFailed(
                error, receiver: run.receiver, identity: run.identity,
                certificateTime: run.clock.certificateTime(at: .now))
            if let failure { throw failure }
        }
        // One that brings no answer at all must not be made again without a pause.
        return run.pipeline.unanswered.isEmpty && answers > 0 ? .orderly : .broken("\(end)")
    }
}
