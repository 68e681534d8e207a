import Logging
import Synchronization
import UploadProtocol
import UploadStore

/// Notices that one Pi's identity is used in two places at once, as after its SD card was copied: both write into one folder,
/// and neither is shut out without the other.
///
/// It shows in two connections at once, or in an upload in parts whose offset jumps between two addresses.
///
/// Two addresses alone say nothing: a Pi that changes its network leaves a dead connection behind. So each of the two must
/// have sent something after the other began.
final class IdentitySightings: Sendable {
    private struct Connection {
        let address: String
        let began: Int
        var lastSent: Int?
    }

    private struct Sightings {
        var connections: [Int: Connection] = [:]
        /// How many connections come from each.
        var addresses: [String: Int] = [:]
    }

    private struct Places: Hashable {
        let pi: PiName
        let addresses: Set<String>
    }

    private struct State {
        /// Counts what happens: only the order matters.
        var clock = 0
        var pis: [PiName: Sightings] = [:]
        var warned: [Places: ContinuousClock.Instant] = [:]
        /// From where the last part of an upload came.
        var parts: [PartialKey: String] = [:]
    }

    private static let warnsAgain = Duration.seconds(3600)
    private static let mostParts = 4096
    private static let hint = """
        was its SD card copied? Make an identity of its own for each Pi with `provision new-pi`. A Pi that uses two networks \
        at once looks the same.
        """

    private let logger: Logger
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state = Mutex(State())

    init(logger: Logger, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.logger = logger
        self.now = now
    }

    /// A connection of `pi`, open for as long as somebody holds what is returned.
    func begin(_ pi: PiName, from address: String) -> Sighting {
        let number = state.withLock { state in
            state.clock += 1
            state.pis[pi, default: Sightings()].connections[state.clock] = Connection(
                address: address, began: state.clock)
            state.pis[pi]?.addresses[address, default: 0] += 1
            return state.clock
        }
        return Sighting(pi: pi, number: number, sightings: self)
    }

    /// A part of a file came, which goes on where the part before ended.
    func partCame(of upload: PartialKey, from address: String) {
        state.withLock { state in
            // Forgetting costs a warning, no more.
            if state.parts.count >= Self.mostParts { state.parts.removeAll() }
            state.parts[upload] = address
        }
    }

    /// A part came that does not: somebody else may have sent what came since.
    func offsetJumped(of upload: PartialKey, from address: String) {
        guard let other = state.withLock({ $0.parts[upload] }), other != address else { return }
        warn(upload.pi, address, other)
    }

    fileprivate func hasSent(_ pi: PiName, _ number: Int) {
        let places = state.withLock { state -> (own: String, others: Set<String>)? in
            state.clock += 1
            state.pis[pi]?.connections[number]?.lastSent = state.clock
            guard let sightings = state.pis[pi], sightings.addresses.count > 1,
                let own = sightings.connections[number]
            else { return nil }
            let others = sightings.connections.values.filter {
                $0.address != own.address && ($0.lastSent ?? 0) > own.began
            }
            return (own.address, Set(others.map(\.address)))
        }
        guard let places else { return }
        for other in places.others { warn(pi, places.own, other) }
    }

    fileprivate func end(_ pi: PiName, _ number: Int) {
        state.withLock { state in
            guard let ended = state.pis[pi]?.connections.removeValue(forKey: number) else { return }
            let left = (state.pis[pi]?.addresses[ended.address] ?? 1) - 1
            state.pis[pi]?.addresses[ended.address] = left > 0 ? left : nil
            if state.pis[pi]?.connections.isEmpty == true { state.pis[pi] = nil }
        }
    }

    private func warn(_ pi: PiName, _ address: String, _ other: String) {
        let now = now()
        let isNews = state.withLock { state in
            let places = Places(pi: pi, addresses: [address, other])
            if let last = state.warned[places], now - last < Self.warnsAgain { return false }
            state.warned = state.warned.filter { now - $0.value < Self.warnsAgain }
            state.warned[places] = now
            return true
        }
        guard isNews else { return }
        logger.warning(
            "one identity in two places",
            metadata: [
                "pi": "\(pi)", "address": "\(address)", "other_address": "\(other)", "hint": "\(Self.hint)",
            ])
    }
}

/// One connection of a Pi.
final class Sighting: Sendable {
    private let pi: PiName
    private let number: Int
    private let sightings: IdentitySightings

    fileprivate init(pi: PiName, number: Int, sightings: IdentitySightings) {
        self.pi = pi
        self.number = number
        self.sightings = sightings
    }

    func hasSent() {
        sightings.hasSent(pi, number)
    }

    deinit {
        sightings.end(pi, number)
    }
}
