/// How much a connection carries before it breaks, as far as the last ones tell. What is under way when it breaks is
/// lost, but for what came of a file in parts: so the sooner it breaks, the less is risked, and the more goes in parts.
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

    /// Bytes of whole files that may be sent and not answered: they may be there, and are sent once more all the same.
    func bytesAtRisk(_ limit: Int64) -> Int64 { smaller(limit, 2) }

    /// What came of a part counts. But it is read once more to hash it before it is sent, so it is not to be much more than
    /// gets through.
    func largestPart(_ limit: Int64) -> Int64 { smaller(limit, 1) }

    /// What was encrypted together and came in part cannot be read at all.
    var largestRecord: Int { smaller(16 << 10, 64) < 4 << 10 ? 2 << 10 : 16 << 10 }

    /// Bytes that the kernel may have on the way and not acknowledged, all of which a break costs; `nil`: as many as it
    /// likes. With 100 ms to the receiver and back the least is still 80 kB a second.
    var mostOnTheWay: Int? { reach.flatMap { $0 < 4 << 20 ? max(8 << 10, Int($0) / 16) : nil } }

    private func smaller(_ limit: Int64, _ share: Int64) -> Int64 { reach.map { min(limit, $0 / share) } ?? limit }
}
