/// What is known of the receiver's room: where a file found none, one as large finds none either, and is neither read nor sent
/// in vain. A smaller one may.
struct ReceiverRoom: Hashable, Sendable {
    /// How long that is believed, at first and at most. To ask again, such a file is read as a whole: so for a large one it is at most
    /// as many seconds as it has MiB, and an hour.
    static let pauses: ClosedRange<Duration> = .seconds(60) ... .seconds(300)
    private static let longestPause: Duration = .seconds(3600)

    /// Bytes of the smallest file that found none.
    private var missing: Int64 = .max
    /// The receiver's words for it.
    private(set) var lack: String?
    /// When the receiver is to be asked again.
    private(set) var retryTime: Uptime?
    private var pause: Duration?
    /// Files that are left for the next run unheard.
    var leftCount = 0
    /// Files that found none in this run, and were told of.
    var toldCount = 0
    /// Of this run.
    var waitingCount: Int { leftCount + toldCount }

    /// Whether a file of `bytes` may find some.
    func mayHold(_ bytes: Int64) -> Bool { bytes < missing }

    /// Whether a file of `bytes` is worth being sent; if not, it is left.
    mutating func admits(_ bytes: Int64) -> Bool {
        if !mayHold(bytes) { leftCount += 1 }
        return mayHold(bytes)
    }

    mutating func missed(_ bytes: Int64, reason: String, at now: Uptime) {
        lack = lack ?? reason
        guard bytes < missing else { return }
        let wanted = retryTime == nil ? pause.map { $0 * 2 } : pause
        missing = bytes
        let longest = min(Self.longestPause, max(Self.pauses.upperBound, .seconds(bytes >> 20)))
        let pause = min(longest, wanted ?? Self.pauses.lowerBound)
        (self.pause, retryTime) = (pause, min(retryTime ?? now + pause, now + pause))
    }

    /// One of `bytes` was stored.
    mutating func found(_ bytes: Int64) {
        if bytes >= missing { (missing, retryTime, pause) = (.max, nil, nil) }
    }

    /// What the next look begins with.
    func later(at now: Uptime) -> ReceiverRoom {
        var room = self
        (room.leftCount, room.toldCount) = (0, 0)
        if retryTime.map({ $0 <= now }) ?? true { (room.missing, room.lack, room.retryTime) = (.max, nil, nil) }
        return room
    }
}
