import NIOCore
import Synchronization
import UploadProtocol

/// Fired into a connection that is to end because another one needs its place.
struct MakeWay: Sendable {}

/// The connections that are open: how many there may be, which one goes when there is one too many, and how a stopping
/// receiver tells them and waits for them.
final class ConnectionRegistry: Sendable {
    enum Verdict: Sendable {
        case welcome
        /// Its Pi has too many, all of them at work: it is to be told so.
        case surplus
        /// Its Pi has as many again that were told so.
        case unbearable
    }

    private struct State {
        var table: ConnectionTable
        var isDraining = false
        var whenEmpty: [CheckedContinuation<Void, Never>] = []
        var whenThereIsRoom: [@Sendable () -> Void] = []
    }

    private let state: Mutex<State>

    init(_ limits: ClientLimits) {
        state = Mutex(State(table: ConnectionTable(limits)))
    }

    // MARK: Coming and going

    /// Counts a connection that was accepted, until it is closed.
    func accepted(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let leaving = state.withLock { state in
            state.table.accepted()
            return state.table.overdue(.now())
        }
        ask(leaving)
        channel.closeFuture.whenComplete { _ in self.closed(id) }
    }

    /// Once its pipeline is there.
    func add(_ channel: any Channel) -> Presence {
        let presence = Presence(channel)
        let isDraining = state.withLock { state in
            state.table.add(presence)
            return state.isDraining
        }
        if isDraining { channel.pipeline.fireUserInboundEventTriggered(DrainConnection()) }
        return presence
    }

    /// Its handshake is done: it is `pi`'s.
    func identify(_ presence: Presence, as pi: PiName) -> Verdict {
        let (verdict, leaving) = state.withLock { $0.table.identify(presence, as: pi, .now()) }
        ask(leaving.map { [$0] } ?? [])
        wakeIfThereIsRoom()
        return verdict
    }

    private func closed(_ id: ObjectIdentifier) {
        let waiting = state.withLock { state in
            state.table.remove(id)
            guard state.table.isEmpty else { return [CheckedContinuation<Void, Never>]() }
            defer { state.whenEmpty = [] }
            return state.whenEmpty
        }
        for continuation in waiting { continuation.resume() }
        wakeIfThereIsRoom()
    }

    // MARK: Room

    var count: Int { state.withLock { $0.table.count } }

    var isFull: Bool { state.withLock { $0.table.isFull } }

    /// Calls `wake` once as soon as one more can be accepted.
    func whenThereIsRoom(_ wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.whenThereIsRoom.append(wake) }
        wakeIfThereIsRoom()
    }

    /// Ends what need not be there while others wait. To be called again until there is room: what is busy now may be idle
    /// later.
    func makeRoom() {
        ask(state.withLock { $0.table.overdue(.now()) })
    }

    private func wakeIfThereIsRoom() {
        let waiting = state.withLock { state in
            guard !state.table.isFull else { return [@Sendable () -> Void]() }
            defer { state.whenThereIsRoom = [] }
            return state.whenThereIsRoom
        }
        for wake in waiting { wake() }
    }

    private func ask(_ leaving: [Presence]) {
        for presence in leaving {
            // Not to be asked twice; it will say so itself should it stay.
            presence.mayMakeWay = false
            presence.channel.pipeline.fireUserInboundEventTriggered(MakeWay())
        }
    }

    // MARK: The end

    /// Tells every connection to end what is under way and then to close; returns when all know.
    func drain() async {
        let channels = state.withLock { state in
            state.isDraining = true
            return state.table.channels
        }
        for channel in channels {
            try? await channel.eventLoop.submit {
                channel.pipeline.fireUserInboundEventTriggered(DrainConnection())
            }.get()
        }
    }

    func waitUntilEmpty() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if !state.table.isEmpty { state.whenEmpty.append(continuation) }
                return state.table.isEmpty
            }
            if isEmpty { continuation.resume() }
        }
    }

    func closeAll() {
        for channel in state.withLock({ $0.table.channels }) { channel.close(promise: nil) }
    }
}
