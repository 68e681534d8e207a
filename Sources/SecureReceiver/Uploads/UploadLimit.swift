import Synchronization
import UploadProtocol

/// How many uploads of all connections may be under way: each holds a descriptor. Where there is no room, connections are not
/// read until there is, and what was read already waits.
///
/// No Pi may hold more than are still free: one alone gets half, two in the long run a third each, and whoever comes next finds
/// room, however slowly the others send. Only if several take their share while none of it is given back may all be taken; who
/// comes then has the first that is free again.
final class UploadLimit: Sendable {
    private struct State {
        var underWay = 0
        var ofPi: [PiName: Int] = [:]
        var waiting: [(pi: PiName, wake: @Sendable () -> Void)] = []
    }

    private let most: Int
    private let state = Mutex(State())

    init(_ most: Int) {
        self.most = most
    }

    var underWay: Int { state.withLock { $0.underWay } }

    func isReached(for pi: PiName) -> Bool { state.withLock { isReached(for: pi, $0) } }

    private func isReached(for pi: PiName, _ state: State) -> Bool {
        state.ofPi[pi, default: 0] >= max(0, most - state.underWay)
    }

    /// Room for one upload, for as long as somebody holds it; `nil` if there is none.
    func admit(_ pi: PiName) -> Admitted? {
        let hasRoom = state.withLock { state in
            guard !isReached(for: pi, state) else { return false }
            state.underWay += 1
            state.ofPi[pi, default: 0] += 1
            return true
        }
        return hasRoom ? Admitted(pi, limit: self) : nil
    }

    /// Calls `wake` once as soon as there is room.
    func whenThereIsRoom(for pi: PiName, _ wake: @escaping @Sendable () -> Void) {
        let hasRoom = state.withLock { state in
            let hasRoom = !isReached(for: pi, state)
            if !hasRoom { state.waiting.append((pi, wake)) }
            return hasRoom
        }
        if hasRoom { wake() }
    }

    fileprivate func release(_ pi: PiName) {
        let ready = state.withLock { state in
            state.underWay -= 1
            let left = state.ofPi[pi, default: 1] - 1
            state.ofPi[pi] = left > 0 ? left : nil
            guard !state.waiting.isEmpty else { return [@Sendable () -> Void]() }
            let waiting = state.waiting
            state.waiting = waiting.filter { isReached(for: $0.pi, state) }
            return waiting.filter { !isReached(for: $0.pi, state) }.map(\.wake)
        }
        for wake in ready { wake() }
    }
}

final class Admitted: Sendable {
    private let pi: PiName
    private let limit: UploadLimit

    fileprivate init(_ pi: PiName, limit: UploadLimit) {
        self.pi = pi
        self.limit = limit
    }

    deinit {
        limit.release(pi)
    }
}
