import NIOCore
import Synchronization
import UploadStore

/// The uploads in parts that were stored lately, so that a sender that missed its answer is told so. One that was forgotten is
/// unknown; announced again, it is acknowledged.
final class CompletedUploads: Sendable {
    private struct State {
        var sizes: [PartialKey: Int64] = [:]
        var inOrder: CircularBuffer<PartialKey> = []
    }

    private let state = Mutex(State())

    private static let most = 4096

    func add(_ key: PartialKey, size: Int64) {
        state.withLock { state in
            guard state.sizes.updateValue(size, forKey: key) == nil else { return }
            state.inOrder.append(key)
            if state.inOrder.count > Self.most { state.sizes[state.inOrder.removeFirst()] = nil }
        }
    }

    /// Bytes of the whole; `nil` if it is none of these.
    func size(of key: PartialKey) -> Int64? { state.withLock { $0.sizes[key] } }
}
