import Synchronization

/// How many uploads of all connections may be under way: each holds a descriptor. Where there is no room, connections are not
/// read until there is.
final class UploadLimit: Sendable {
    private struct State {
        var underWay = 0
        var waiting: [@Sendable () -> Void] = []
    }

    private let most: Int
    private let state = Mutex(State())

    init(_ most: Int) {
        self.most = most
    }

    var underWay: Int { state.withLock { $0.underWay } }
    var isReached: Bool { state.withLock { $0.underWay >= most } }

    /// Room for one upload, for as long as somebody holds it.
    func admit() -> Admitted {
        state.withLock { $0.underWay += 1 }
        return Admitted(limit: self)
    }

    /// Calls `wake` once as soon as there is room.
    func whenThereIsRoom(_ wake: @escaping @Sendable () -> Void) {
        let hasRoom = state.withLock { state in
            if state.underWay >= most { state.waiting.append(wake) }
            return state.underWay < most
        }
        if hasRoom { wake() }
    }

    fileprivate func release() {
        let waiting = state.withLock { state in
            state.underWay -= 1
            guard state.underWay < most else { return [@Sendable () -> Void]() }
            defer { state.waiting = [] }
            return state.waiting
        }
        for wake in waiting { wake() }
    }
}

final class Admitted: Sendable {
    private let limit: UploadLimit

    fileprivate init(limit: UploadLimit) {
        self.limit = limit
    }

    deinit {
        limit.release()
    }
}
