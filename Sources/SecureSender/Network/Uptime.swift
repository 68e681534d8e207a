import Glibc

/// Time since the machine started, also while it slept: it never jumps, whatever is done to the clock.
struct Uptime: Hashable, Comparable, Sendable {
    let sinceStart: Duration

    static var now: Uptime {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Uptime(sinceStart: .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec)))
    }

    static func < (left: Uptime, right: Uptime) -> Bool { left.sinceStart < right.sinceStart }
    static func - (left: Uptime, right: Uptime) -> Duration { left.sinceStart - right.sinceStart }
    static func + (left: Uptime, right: Duration) -> Uptime { Uptime(sinceStart: left.sinceStart + right) }
}

extension Duration {
    /// For poll(2): rounded up, so that waiting is not spinning; never negative.
    var milliseconds: Int32 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return Int32(
            clamping: min(seconds, 1_000_000) * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
