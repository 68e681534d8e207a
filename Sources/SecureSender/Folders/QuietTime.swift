import Glibc

/// How long a file has to be unchanged before it counts as written, and the moment from which that is reckoned.
///
/// A file's time comes from the system clock, which may be wrong and may be set while we run: from that moment on only
/// the uptime counts.
struct QuietTime: Sendable {
    let duration: Duration
    let start: Uptime
    /// What the system clock said at `start`, since 1970.
    private let systemTime: Duration

    /// `systemTime`: of `start`, since 1970.
    init(_ duration: Duration, from start: Uptime, systemTime: Duration) {
        self.duration = duration
        self.start = start
        self.systemTime = systemTime
    }

    /// From now on.
    init(_ duration: Duration) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        self.init(duration, from: .now, systemTime: Fingerprint.Moment(time).sinceEpoch)
    }

    /// When a file that was seen at the start has been quiet, should it not change. `modified`: since 1970. One that comes
    /// from the future has to be seen unchanged for the whole time, as its own time says nothing.
    func end(modified: Duration) -> Uptime {
        start + (isFuture(modified) ? duration : max(.zero, duration - (systemTime - modified)))
    }

    /// `modified`: since 1970.
    func isFuture(_ modified: Duration) -> Bool { modified > systemTime }

    /// Whether a file has not changed for long enough. `seen`: its fingerprint's hash at the start.
    func isOver(for file: Fingerprint, seenAs seen: Int?, at now: Uptime) -> Bool {
        let elapsed = now - start
        let age = systemTime + elapsed - file.modified.sinceEpoch
        return age >= duration || elapsed >= duration && seen == file.hashValue
    }
}
