/// Files that the receiver did not take, as they were. To be sent again a file is read as a whole, large ones for minutes, and
/// the answer is most likely the same: so it is left alone until it changes, or for a while that doubles each time.
struct RefusedFiles {
    private struct Refusal {
        let pause: Duration
        let end: Uptime
    }

    static let pauses: ClosedRange<Duration> = .seconds(60) ... .seconds(3600)
    /// With more of them it begins anew: they are tried once more, and take no memory without end.
    static let mostHeld = 20_000

    private var refusals: [Fingerprint: Refusal] = [:]

    mutating func add(_ fingerprint: Fingerprint, at now: Uptime) {
        let pause = refusals[fingerprint].map { min($0.pause * 2, Self.pauses.upperBound) } ?? Self.pauses.lowerBound
        if refusals.count == Self.mostHeld { refusals = [:] }
        refusals[fingerprint] = Refusal(pause: pause, end: now + pause)
    }

    /// When the first of those that are left alone after `time` is to be sent again.
    func retryTime(after time: Uptime) -> Uptime? {
        refusals.values.lazy.map(\.end).filter { $0 > time }.min()
    }

    /// Whether it is to be left alone.
    func spares(_ fingerprint: Fingerprint, at now: Uptime) -> Bool {
        refusals[fingerprint].map { now < $0.end } ?? false
    }
}
