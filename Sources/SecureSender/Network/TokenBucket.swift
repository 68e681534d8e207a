/// Lets so many bytes a second through. Time comes from outside.
struct TokenBucket {
    /// A tenth of a second's worth may go at once, and a packet always.
    private let capacity: Double
    private let rate: Double
    private var tokens: Double
    private var filled: Uptime

    /// `rate`: bytes a second, more than 0.
    init(rate: Int64, now: Uptime) {
        self.rate = Double(rate)
        capacity = max(self.rate / 10, 1500)
        tokens = capacity
        filled = now
    }

    /// Bytes that may go now.
    mutating func available(at now: Uptime) -> Int {
        tokens = min(capacity, tokens + rate * ((now - filled) / .seconds(1)))
        filled = now
        // Single bytes would be single packets.
        return tokens >= min(capacity, 1500) ? Int(tokens) : 0
    }

    mutating func take(_ bytes: Int) {
        tokens -= Double(bytes)
    }

    /// When some may go again.
    var wait: Duration { .seconds(max(0, (min(capacity, 1500) - tokens) / rate)) }
}
