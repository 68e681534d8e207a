import CommandSupport

/// How far a run is: what the receiver has confirmed, of what there is to send. It knows neither terminals nor clocks.
struct Progress: Sendable {
    /// Bytes of files of which nothing more can come in this run, and of parts that the receiver holds.
    private(set) var bytes: Int64 = 0
    private(set) var files = 0
    var total: Amount
    /// What the line says last: that something is waited for.
    private(set) var note: String?
    private var rate: RateWindow
    /// Of files in parts that are under way: bytes that `bytes` has already.
    private var counted: [String: Int64] = [:]

    struct Amount: Hashable, Sendable {
        var files: Int
        /// Bytes; `nil` if that is not known.
        var bytes: Int64?
    }

    init(total: Amount, at now: Uptime) {
        self.total = total
        rate = RateWindow(at: now)
    }

    /// The receiver holds so many bytes of `file` for good.
    mutating func reach(_ bytes: Int64, of file: String, at now: Uptime) {
        let gained = bytes - counted[file, default: 0]
        // It may have lost some: what is sent again is no progress a second time.
        guard gained > 0 else { return }
        counted[file] = bytes
        advance(gained, at: now)
    }

    mutating func finish(_ file: String, size: Int64, at now: Uptime) {
        files += 1
        advance(size - (counted.removeValue(forKey: file) ?? 0), at: now)
    }

    /// There is so much left; `bytes` is `nil` if that is not known.
    mutating func left(files: Int, bytes: Int64?) {
        total = Amount(files: self.files + files, bytes: bytes.map { self.bytes + $0 })
    }

    /// Nothing more comes of `file` in this run.
    mutating func fail(_ file: String) {
        counted[file] = nil
    }

    mutating func wait(_ note: String?) {
        self.note = note
    }

    private mutating func advance(_ gained: Int64, at now: Uptime) {
        bytes += gained
        note = nil
        rate.add(gained, at: now)
    }

    /// Bytes a second over the last while; `nil` until that can be told.
    func rate(at now: Uptime) -> Int64? { rate.bytesASecond(at: now) }

    /// `nil` where it cannot be known: without a total, before anything has come, and while nothing does.
    func timeLeft(at now: Uptime) -> Duration? {
        guard let total = total.bytes, note == nil, let rate = rate(at: now), rate > 0 else { return nil }
        return .seconds(max(0, total - bytes) / rate)
    }

    /// 0 to 1, by bytes if their number is known; `nil` where there is nothing to be a part of.
    var part: Double? {
        if let bytes = total.bytes, bytes > 0 { return min(1, Double(self.bytes) / Double(bytes)) }
        return total.files > 0 ? min(1, Double(files) / Double(total.files)) : nil
    }
}

/// Bytes a second over the last `length`, and from the start on until it is that long.
struct RateWindow: Sendable {
    static let length: Duration = .seconds(15)
    /// Before this much time, one file decides too much.
    static let least: Duration = .seconds(1)
    private static let slot: Duration = .milliseconds(500)

    private let start: Uptime
    /// The newest last, one for each `slot` in which something came.
    private var samples: [(time: Uptime, bytes: Int64)] = []

    init(at now: Uptime) {
        start = now
    }

    mutating func add(_ bytes: Int64, at now: Uptime) {
        if let last = samples.last, now - last.time < Self.slot {
            samples[samples.count - 1].bytes += bytes
        } else {
            samples.removeAll { now - $0.time > Self.length }
            samples.append((now, bytes))
        }
    }

    func bytesASecond(at now: Uptime) -> Int64? {
        let span = min(Self.length, now - start)
        guard span >= Self.least else { return nil }
        let bytes = samples.reduce(0) { now - $1.time <= Self.length ? $0 + $1.bytes : $0 }
        return bytes * 1000 / max(1, Int64(span.milliseconds))
    }
}
