/// What uploads leave free on the store's file system.
package enum KeptFree: Hashable, Sendable {
    /// Of the file system's size; 0 to 99.
    case percent(Int)
    case bytes(Int64)

    /// `size`: the file system's, in bytes.
    func bytes(ofSize size: Int64) -> Int64 {
        switch self {
        case .percent(let percent): size / 100 * Int64(percent)
        case .bytes(let bytes): bytes
        }
    }
}
