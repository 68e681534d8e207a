/// When to try again, and when to leave it to the next run. Time and chance come from outside.
struct RetryPolicy {
    enum Decision: Hashable {
        case retry(after: Duration)
        /// The pause would go beyond the run's patience.
        case giveUp(after: Duration)
    }

    private let settings: SenderSettings
    /// 0 ..< 1.
    private let random: () -> Double
    /// When the receiver last decided about a file or got more of one.
    private var lastProgress: Uptime
    /// When that first happened.
    private(set) var firstProgress: Uptime?
    /// Tries in a row that brought nothing.
    private var barren = 0
    /// Nothing is begun before.
    private(set) var pauseEnd: Uptime

    init(settings: SenderSettings, now: Uptime, random: @escaping () -> Double = { .random(in: 0..<1) }) {
        self.settings = settings
        self.random = random
        lastProgress = now
        pauseEnd = now
    }

    mutating func progress(at now: Uptime) {
        lastProgress = now
        firstProgress = firstProgress ?? now
        barren = 0
    }

    /// A connection broke or could not be made: it is tried again at once after one that brought something, and with
    /// doubling pauses after those that did not, all of it by chance ("full jitter"), so that a whole lab's stations do not
    /// come at the same moment.
    mutating func failed(at now: Uptime) -> Decision {
        pause(backOff(), at: now)
    }

    /// The receiver says that it cannot take anything now; `seconds`: until when, if it says that.
    mutating func refused(forSeconds seconds: Int64?, at now: Uptime) -> Decision {
        // All that was under way together is refused together: one pause, the longest.
        if pauseEnd > now, seconds == nil { return .retry(after: pauseEnd - now) }
        barren = max(barren, 1)
        guard let seconds else { return pause(backOff(), at: now) }
        return pause(.seconds(seconds) + min(.seconds(seconds) / 8, .seconds(10)) * random(), at: now)
    }

    private mutating func backOff() -> Duration {
        defer { barren += 1 }
        guard barren > 0 else { return .zero }
        let most = min(settings.longestBackoff, settings.shortestBackoff * (1 << min(barren - 1, 20)))
        return most * random()
    }

    private mutating func pause(_ duration: Duration, at now: Uptime) -> Decision {
        pauseEnd = max(pauseEnd, now + duration)
        let pause = pauseEnd - now
        if let patience = settings.giveUpAfter, pauseEnd - lastProgress > patience { return .giveUp(after: pause) }
        return .retry(after: pause)
    }
}
