/// How much a connection carries before it breaks, as far as the last ones tell. What is under way when it breaks is
/// lost, but for the parts of a file: so the sooner it breaks, the less is risked, and the more goes in parts.
struct LinkReach: Hashable, Sendable {
    /// What is taken for granted, in bytes: less would be all heads and handshakes.
    static let least: Int64 = 32 << 10

    /// Bytes; `nil` as long as nothing broke.
    private(set) var reach: Int64?
    /// Bytes that the receiver has confirmed on this connection.
    private var carried: Int64 = 0
    private var carriedBefore: Int64 = 0

    mutating func confirmed(_ bytes: Int64) {
        carried += bytes
        extend(to: carried)
    }

    /// It turns out that the connection that broke last had carried more.
    mutating func carriedMoreBefore(_ bytes: Int64) {
        carriedBefore += bytes
        extend(to: carriedBefore)
    }

    mutating func ended(isBroken: Bool) {
        if isBroken { reach = max(Self.least, carried) }
        (carriedBefore, carried) = (carried, 0)
    }

    private mutating func extend(to bytes: Int64) {
        if let reach { self.reach = max(reach, bytes) }
    }
}

extension LinkReach {
    /// Of a file that is sent whole, at a break half is lost on average, with a chance of its share of the reach; in parts
    /// it costs two more heads and answers, about 2 KiB. An eighth is where both cost alike for a reach of 100 KiB.
    func inPartsAbove(_ limit: Int64) -> Int64 { smaller(limit, 8) }

    /// Bytes that may be sent and not answered.
    func bytesInFlight(_ limit: Int64) -> Int64 { smaller(limit, 2) }

    func largestPart(_ limit: Int64) -> Int64 { smaller(limit, 4) }

    /// What was encrypted together and came in part cannot be read at all.
    var largestRecord: Int { smaller(16 << 10, 64) < 4 << 10 ? 2 << 10 : 16 << 10 }

    private func smaller(_ limit: Int64, _ share: Int64) -> Int64 { reach.map { min(limit, $0 / share) } ?? limit }
}
