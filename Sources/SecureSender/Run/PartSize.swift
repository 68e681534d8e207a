/// How large the next part of a file is: about what the link carries in `time`, so that other files need not wait longer.
/// It begins small and at most doubles.
struct PartSize: Hashable, Sendable {
    private let time: Duration
    private let range: ClosedRange<Int64>
    /// Bytes.
    private(set) var current: Int64

    init(time: Duration, range: ClosedRange<Int64>) {
        self.time = time
        self.range = range
        current = range.lowerBound
    }

    /// A part of `bytes` took `duration`, from its head's way out or the answer before to its own answer.
    mutating func carried(_ bytes: Int64, in duration: Duration) {
        // The rest of a file says nothing about a whole part.
        guard bytes >= current / 2 else { return }
        let rate = Double(bytes) / max(duration / .seconds(1), 1e-6)
        let fitting = rate * (time / .seconds(1))
        let next = min(max(fitting, Double(current) / 2), Double(current) * 2)
        current = min(max(Int64(next), range.lowerBound), range.upperBound)
    }
}
