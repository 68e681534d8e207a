import NIOCore
import UploadProtocol

/// Counts connections and chooses the ones that go. It closes nothing itself.
struct ConnectionTable {
    private struct Entry {
        let presence: Presence
        /// `nil` until its handshake is done.
        var pi: PiName?
    }

    private let limits: ClientLimits
    private var entries: [ObjectIdentifier: Entry] = [:]
    private var ofPi: [PiName: [Presence]] = [:]
    /// Those that have no entry yet too.
    private var acceptedCount = 0
    private var identifiedCount = 0

    init(_ limits: ClientLimits) {
        self.limits = limits
    }

    var isEmpty: Bool { acceptedCount == 0 }
    var isFull: Bool { acceptedCount >= limits.connections || handshakeCount >= limits.handshakes }
    var channels: [any Channel] { entries.values.map(\.presence.channel) }

    private var handshakeCount: Int { acceptedCount - identifiedCount }

    mutating func accepted() {
        acceptedCount += 1
    }

    mutating func add(_ presence: Presence) {
        entries[ObjectIdentifier(presence.channel)] = Entry(presence: presence)
    }

    mutating func remove(_ id: ObjectIdentifier) {
        acceptedCount -= 1
        guard let pi = entries.removeValue(forKey: id)?.pi else { return }
        identifiedCount -= 1
        ofPi[pi]?.removeAll { ObjectIdentifier($0.channel) == id }
        if ofPi[pi]?.isEmpty == true { ofPi[pi] = nil }
    }

    /// Says how welcome the connection is, and which one of its Pi's goes in its place: a Pi whose Wi-Fi died has left dead
    /// ones behind, and must not be locked out by them.
    mutating func identify(
        _ presence: Presence, as pi: PiName, _ now: NIODeadline
    ) -> (ConnectionRegistry.Verdict, leaving: Presence?) {
        let id = ObjectIdentifier(presence.channel)
        guard entries[id]?.pi == nil, entries[id] != nil else { return (.welcome, nil) }
        entries[id]?.pi = pi
        identifiedCount += 1
        let others = ofPi[pi, default: []]
        ofPi[pi, default: []].append(presence)
        if others.count < limits.connectionsPerPi { return (.welcome, nil) }
        if others.count >= 2 * limits.connectionsPerPi { return (.unbearable, nil) }
        let leaving = leaving(among: others, now)
        return (leaving == nil ? .surplus : .welcome, leaving)
    }

    /// Those that are to go so that others may come: handshakes that take their time, and one connection if there is no room
    /// for another.
    func overdue(_ now: NIODeadline) -> [Presence] {
        var leaving: [Presence] = []
        if handshakeCount >= limits.handshakes {
            leaving = entries.values.filter { $0.pi == nil && now - $0.presence.opened >= limits.handshakePatience }
                .map(\.presence)
        }
        if acceptedCount >= limits.connections, leaving.isEmpty,
            let one = self.leaving(among: entries.values.filter { $0.pi != nil }.map(\.presence), now)
        {
            leaving = [one]
        }
        return leaving
    }

    /// The one that has been silent for the longest time; with something under way on it only after a while.
    private func leaving(among presences: [Presence], _ now: NIODeadline) -> Presence? {
        let idle = presences.filter(\.mayMakeWay)
        let candidates = idle.isEmpty ? presences.filter { now - $0.silentSince >= limits.silence } : idle
        return candidates.min { $0.silentSince < $1.silentSince }
    }
}
