/// When a station looks at its folder again. Knows neither files nor the time.
struct LookSchedule {
    /// Looks no earlier than `earliest`, even if something changes, and at `latest`, even if nothing does.
    struct Next: Hashable {
        let earliest: Uptime
        let latest: Uptime
    }

    enum Result {
        case allSent
        /// What has come meanwhile is to be sent beside large files that are on their way.
        case unfinished
        /// Some files wait, each for its own reason.
        case someWait
        /// All that were tried wait, each for its own reason.
        case allWait
        /// Nothing can be sent for now, for so long at least.
        case failed(pause: Duration)
    }

    /// Two looks are no closer than that.
    static let shortestInterval: Duration = .seconds(1)
    /// Where files become old enough one after the other, those of so long share a look, and a connection.
    static let sharedInterval: Duration = .seconds(5)
    /// For files that were refused, until it grows.
    static let retryInterval: Duration = .seconds(30)
    /// After the first look at which nothing could be sent, doubled by each further one.
    static let defaultBackOff: ClosedRange<Duration> = .seconds(5) ... .seconds(300)

    private let interval: Duration
    private let isPlain: Bool
    private let backOff: ClosedRange<Duration>
    /// 0 ..< 1.
    private let random: () -> Double
    private var failures = 0

    /// `interval`: from one look to the next if nothing happens; `isPlain`: whatever happens.
    init(
        interval: Duration, isPlain: Bool, backOff: ClosedRange<Duration> = Self.defaultBackOff,
        random: @escaping () -> Double = { .random(in: 0..<1) }
    ) {
        self.interval = interval
        self.isPlain = isPlain
        self.backOff = backOff
        self.random = random
    }

    /// `quiet`: when the first and the last of what was too young are old enough. `retry`: when something that was left alone is
    /// to be tried again.
    mutating func next(
        after result: Result, begun start: Uptime, quiet: ClosedRange<Uptime>? = nil, retry: Uptime? = nil,
        at now: Uptime
    ) -> Next {
        let next = next(after: result, begun: start, quiet: quiet, at: now)
        guard !isPlain, let retry else { return next }
        return Next(earliest: next.earliest, latest: max(next.earliest, min(next.latest, retry)))
    }

    private mutating func next(
        after result: Result, begun start: Uptime, quiet: ClosedRange<Uptime>?, at now: Uptime
    ) -> Next {
        switch result {
        case .unfinished:
            failures = 0
            return Next(earliest: now, latest: now)
        case .failed(let pause) where isPlain:
            // The first of the periods that begins after it.
            let periods = Int(((now + pause - start) / interval).rounded(.up))
            let time = pause > .zero ? start + interval * max(1, periods) : max(start + interval, now)
            return Next(earliest: time, latest: time)
        case _ where isPlain:
            // Where a look takes longer than that, the next one does not wait.
            let time = max(start + interval, now)
            return Next(earliest: time, latest: time)
        case .allSent, .someWait:
            // A log that stays open all day, or a name that nobody can store, must not hold up what appears beside it.
            failures = 0
            let earliest = max(start + Self.shortestInterval, now)
            guard let quiet else { return Next(earliest: earliest, latest: now + interval) }
            let shared = max(earliest, min(quiet.upperBound, start + Self.sharedInterval))
            return Next(earliest: shared, latest: max(shared, min(quiet.lowerBound, now + interval)))
        case .allWait:
            // What was refused is sent again at each look.
            let pause = max(min(Self.retryInterval, interval), grown(from: Self.retryInterval))
            return Next(earliest: now + pause, latest: now + max(pause, interval))
        case .failed(let pause):
            let most = grown(from: backOff.lowerBound)
            // Half of it by chance, so that a lab's stations do not all come back together.
            let time = now + max(pause, most / 2 + most / 2 * random())
            return Next(earliest: time, latest: time)
        }
    }

    /// Doubled by each look in a row at which nothing was sent.
    private mutating func grown(from pause: Duration) -> Duration {
        failures += 1
        return min(backOff.upperBound, pause * (1 << min(failures - 1, 10)))
    }
}
