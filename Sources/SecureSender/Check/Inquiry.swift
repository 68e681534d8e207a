import CommandSupport
import OpenSSL
import UploadProtocol

/// The part of a check that the receiver has to answer.
struct Inquiry {
    private let receiver: ReceiverAddress
    private let identity: PiIdentity
    private let timeLimit: Duration
    private let check: Check
    private let channel: SecureChannel

    init(
        _ channel: SecureChannel, receiver: ReceiverAddress, identity: PiIdentity, timeLimit: Duration, check: Check
    ) {
        self.channel = channel
        self.receiver = receiver
        self.identity = identity
        self.timeLimit = timeLimit
        self.check = check
    }

    func run(_ clock: inout SenderClock) throws(CommandFailure) {
        var question = StatusQuestion(over: channel, to: receiver, as: identity)
        // In TLS 1.3 the handshake succeeds before the receiver has seen our certificate: its first answer tells.
        let created = clock.time(at: .now)
        var answer = try check.at(.acceptance) { () throws(CommandFailure) -> Response in
            try ask(&question, created: created, clock)
        }
        try check.ok(.acceptance, "the receiver takes this Pi's certificate")
        let ahead = answer.time.map { clock.correct(to: $0, at: .now) }
        if ahead != nil, ProblemDetails(answer).problem == .clockSkew {
            let corrected = clock.time(at: .now)
            answer = try check.at(.signature) { () throws(CommandFailure) -> Response in
                try ask(&question, created: corrected, clock)
            }
        }
        let status = try check.at(.signature) { () throws(CommandFailure) -> ReceiverStatus? in
            try self.status(in: answer)
        }
        try check.ok(.signature, "the receiver knows \(identity.name) and this secret")
        if let ahead { try tell(ofClock: clock, ahead: ahead) }
        try check.at(.room) { () throws(CommandFailure) in try tell(ofRoom: status) }
    }

    private func ask(
        _ question: inout StatusQuestion, created: Int64, _ clock: SenderClock
    ) throws(CommandFailure) -> Response {
        let log = "the receiver's log says why, if it was the receiver"
        do throws(StatusQuestion.Failure) {
            return try question.ask(created: created, timeLimit: timeLimit)
        } catch {
            switch error {
            case .unreadable(let doubt):
                throw .notReached(receiver, reason: "what it answers cannot be read: \(doubt)", hint: log)
            case .ended(.refused(let error)):
                let failure = CommandFailure.authenticationFailed(
                    error, receiver: receiver, identity: identity, certificateTime: clock.certificateTime(at: .now))
                throw failure ?? .notReached(receiver, reason: "\(error)", hint: log)
            case .ended(let end):
                throw .notReached(receiver, reason: "\(end), and it had not answered", hint: log)
            }
        }
    }

    /// What follows a good signature; `nil` from a receiver that tells nothing of itself.
    private func status(in answer: Response) throws(CommandFailure) -> ReceiverStatus? {
        let details = ProblemDetails(answer)
        if let refusal = details.identityRefusal(of: identity.name) {
            throw .authenticationFailed(reason: refusal.reason, hint: refusal.hint)
        }
        switch (answer.status, details.problem) {
        case (200, _): return ReceiverStatus(json: String(decoding: answer.body, as: UTF8.self))
        // Of a version that does not know the question.
        case (404, .notFound): return nil
        default:
            throw CommandFailure(
                "The receiver takes nothing at the moment", reason: details.words,
                hint: answer.retryAfter.map { "try again in \(counted(Int($0), "second"))" } ?? details.hint,
                exitCode: .temporaryFailure)
        }
    }

    private func tell(ofClock clock: SenderClock, ahead: Int64) throws(CommandFailure) {
        let difference = roundedTime(.seconds(ahead.magnitude))
        let words =
            ahead == 0
            ? "the same as the receiver's" : "\(difference) \(ahead < 0 ? "ahead of" : "behind") the receiver's"
        if ahead.magnitude > UploadSignature.defaultTolerance {
            try check.warn(
                .clock, "this Pi's clock is \(words), whose time is used instead",
                hint: "timedatectl shows whether this Pi gets its time from the network")
        } else {
            try check.ok(
                .clock, clock.isSynchronised ? words : "\(words); the kernel does not know whether it is right")
        }
    }

    private func tell(ofRoom status: ReceiverStatus?) throws(CommandFailure) {
        guard let status else { return try check.ok(.room, "not told: the receiver is of an earlier version") }
        guard status.available > 0 else {
            throw CommandFailure(
                "The receiver's disk is full", reason: "it has no room beyond what it keeps free",
                hint: "make room on the server's disk, or see its option --keep-free; the files wait here",
                exitCode: .temporaryFailure)
        }
        let limit = status.largest.map { ", for files of at most \(formattedSize($0))" } ?? ""
        try check.ok(.room, "\(formattedSize(status.available)) at the receiver\(limit)")
    }
}

extension Response {
    /// The receiver's clock, in seconds since 1970.
    fileprivate var time: Int64? { fields["date"].flatMap { HTTPDate.parse($0) } }
}
