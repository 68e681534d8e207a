import NIOCore

/// What a client owes us at the moment, and how long it may take. It knows neither sockets nor timers.
///
/// Its clock stands still while it is we who do not read: a full disk queue is nobody's slowness but ours.
struct ClientPace: Sendable {
    enum Fault: Hashable, Sendable {
        case idle
        case head
        case body
        /// It does not take its answers.
        case answers
    }

    private enum Stage {
        /// The handshake has a limit of its own.
        case handshake
        case betweenRequests
        case head
        case body
        /// It has failed; what it gets is its last answer.
        case ended
    }

    private let limits: ClientLimits
    private var stage = Stage.handshake
    private var clock = Stopwatch()
    private var bodyBytes = 0
    /// The client waits for 100 (Continue).
    private var awaitsGoAhead = false
    private var unanswered = 0
    private var isTrusted = false
    private var hasAsked = false
    private var answersWritten = 0
    private var answersOut = 0
    private var answersDue: (count: Int, deadline: NIODeadline)?

    init(_ limits: ClientLimits) {
        self.limits = limits
    }

    /// Nothing is under way: neither a request nor an answer.
    var isIdle: Bool {
        if case .betweenRequests = stage { unanswered == 0 && answersOut == answersWritten } else { false }
    }

    /// Closing the connection takes nothing from the client. One that is new is about to ask.
    var mayMakeWay: Bool { isIdle && hasAsked }

    // MARK: What happens

    mutating func handshakeCompleted(_ now: NIODeadline) {
        enter(.betweenRequests, now)
    }

    /// The client has shown a good signature, so it is one of ours, with bad Wi-Fi perhaps.
    mutating func trust() {
        isTrusted = true
    }

    /// No more patience than for who has shown no signature.
    mutating func distrust() {
        hasAsked = true
    }

    mutating func headCame(awaitsGoAhead: Bool, _ now: NIODeadline) {
        hasAsked = true
        unanswered += 1
        self.awaitsGoAhead = awaitsGoAhead
        enter(.body, now)
    }

    mutating func bodyCame(_ bytes: Int) {
        bodyBytes += bytes
    }

    mutating func requestEnded(_ now: NIODeadline) {
        enter(.betweenRequests, now)
    }

    mutating func readBegan(_ now: NIODeadline) {
        clock.start(now)
    }

    /// `broughtPieceOfHead`: bytes came, and nothing could be made of them yet.
    mutating func readEnded(broughtPieceOfHead: Bool, _ now: NIODeadline) {
        clock.stop(now)
        if case .betweenRequests = stage, broughtPieceOfHead { enter(.head, now) }
    }

    mutating func goAheadGiven(_ now: NIODeadline) {
        awaitsGoAhead = false
        enter(.body, now)
    }

    mutating func answerWritten(_ now: NIODeadline) {
        // None was asked for if the head was not readable.
        unanswered = max(0, unanswered - 1)
        answersWritten += 1
        if answersDue == nil { answersDue = (answersWritten, now + patience) }
    }

    mutating func answerOut(_ now: NIODeadline) {
        answersOut += 1
        if let due = answersDue, answersOut >= due.count {
            answersDue = answersOut < answersWritten ? (answersWritten, now + patience) : nil
        }
        if isIdle { enter(.betweenRequests, now) }
    }

    private mutating func enter(_ stage: Stage, _ now: NIODeadline) {
        self.stage = stage
        bodyBytes = 0
        clock.restart(now)
    }

    // MARK: What it means

    private var patience: TimeAmount { isTrusted ? limits.bodyWindow : limits.headTime }

    /// What the client may take for what it is at; `nil` if it owes nothing.
    private var limit: TimeAmount? {
        switch stage {
        case .handshake, .ended: nil
        case .betweenRequests: isIdle ? (isTrusted || !hasAsked ? limits.idleTime : limits.headTime) : nil
        case .head: limits.headTime
        case .body: awaitsGoAhead ? nil : patience
        }
    }

    /// When to look again; `nil`: not before something happens.
    var deadline: NIODeadline? {
        let ofRequest = limit.flatMap { clock.end(after: $0) }
        return [ofRequest, answersDue?.deadline].compactMap { $0 }.min()
    }

    /// What the client has failed to do by `now`; each is told once.
    mutating func fault(_ now: NIODeadline) -> Fault? {
        if let due = answersDue, due.deadline <= now {
            answersDue = nil
            return .answers
        }
        guard let limit, let end = clock.end(after: limit), end <= now else { return nil }
        if case .body = stage, bodyBytes >= limits.bodyRate * Int(limit.nanoseconds / 1_000_000_000) {
            enter(.body, now)
            return nil
        }
        defer { stage = .ended }
        return switch stage {
        case .handshake, .ended: nil
        case .betweenRequests: .idle
        case .head: .head
        case .body: .body
        }
    }
}

/// Counts the time for which it runs.
private struct Stopwatch {
    private var counted = TimeAmount.zero
    private var runningSince: NIODeadline?

    mutating func start(_ now: NIODeadline) {
        if runningSince == nil { runningSince = now }
    }

    mutating func stop(_ now: NIODeadline) {
        if let runningSince { counted = counted + (now - runningSince) }
        runningSince = nil
    }

    mutating func restart(_ now: NIODeadline) {
        counted = .zero
        if runningSince != nil { runningSince = now }
    }

    /// When it will have counted `time`; `nil` while it stands.
    func end(after time: TimeAmount) -> NIODeadline? {
        runningSince.map { $0 + (time - counted) }
    }
}
