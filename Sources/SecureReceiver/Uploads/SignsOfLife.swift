import Synchronization

/// Brings word that work gets on to whoever waits for it.
final class SignsOfLife: Sendable {
    private let waiting = Mutex<[CheckedContinuation<Void, Never>]>([])

    /// From any thread, as often as one likes.
    func give() {
        let continuations = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for continuation in continuations { continuation.resume() }
    }

    /// Returns at the next sign; at once if all is well without one.
    func next(unless isWell: () -> Bool) async {
        await withCheckedContinuation { continuation in
            waiting.withLock { $0.append(continuation) }
            // Asked when nothing can be missed any more.
            if isWell() { give() }
        }
    }
}
