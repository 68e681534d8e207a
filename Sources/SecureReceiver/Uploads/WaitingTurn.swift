import Synchronization

/// The turn of a request that waits for a thread: given up, the next one need not wait for that thread.
final class WaitingTurn: Sendable {
    private struct State {
        var turn: UploadTurn?
        var isGivenUp = false
    }

    private let state: Mutex<State>

    init(_ turn: UploadTurn) {
        state = Mutex(State(turn: turn))
    }

    var isGivenUp: Bool { state.withLock { $0.isGivenUp } }

    /// For who has a thread; `nil` if it was given up.
    func take() -> UploadTurn? { state.withLock { $0.turn.take() } }

    /// To wait for a thread again; `false` if it was given up meanwhile.
    func putBack(_ turn: UploadTurn) -> Bool {
        state.withLock { state in
            guard !state.isGivenUp else { return false }
            state.turn = turn
            return true
        }
    }

    /// From any thread, as often as one likes. Who has taken it lets it go by himself.
    func giveUp() {
        let turn = state.withLock { state in
            state.isGivenUp = true
            return state.turn.take()
        }
        // Outside the lock: the next one may begin here.
        withExtendedLifetime(turn) {}
    }
}
