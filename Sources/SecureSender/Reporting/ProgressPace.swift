/// When a log is told how far a run is: at each tenth, but not more often than every 10 s, and every 5 minutes where a
/// tenth takes longer.
struct ProgressPace: Sendable {
    static let shortest: Duration = .seconds(10)
    static let longest: Duration = .seconds(300)

    private var last: Uptime
    private var tenths = 0

    init(from start: Uptime) {
        last = start
    }

    /// Whether it is time; then the next one is reckoned from here.
    mutating func isDue(_ progress: Progress, at now: Uptime) -> Bool {
        let tenths = progress.part.map { Int($0 * 10) } ?? 0
        // The end has a line of its own.
        guard progress.part != 1, now - last >= (tenths > self.tenths ? Self.shortest : Self.longest) else {
            return false
        }
        (last, self.tenths) = (now, tenths)
        return true
    }
}
