/// Whose turn it is between small files and parts of large ones: each side gets half of the bytes if it has something to send.
struct LaneTurns: Hashable, Sendable {
    enum Lane: Hashable, Sendable { case small, large }

    /// Bytes that a side can save up while it has nothing to send.
    static let mostLead: Int64 = 1 << 20
    /// What a request costs beside its body, in bytes.
    static let overhead: Int64 = 2 << 10

    /// Bytes that the small files are ahead.
    private var lead: Int64 = 0

    var order: [Lane] { lead > 0 ? [.large, .small] : [.small, .large] }

    mutating func took(_ lane: Lane, bytes: Int64) {
        let cost = bytes + Self.overhead
        lead = min(Self.mostLead, max(-Self.mostLead, lane == .small ? lead + cost : lead - cost))
    }
}
