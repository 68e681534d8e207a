/// What is known of the receiver's room: where a file found none, one as large finds none either, and is not sent in vain. A
/// smaller one may.
struct ReceiverRoom: Hashable, Sendable {
    /// Bytes of the smallest file that found none.
    private var missing: Int64 = .max
    /// The receiver's words for it.
    private(set) var lack: String?
    /// Files that are left for the next run unheard.
    var leftCount = 0

    /// Whether a file of `bytes` is worth being sent.
    func isThere(for bytes: Int64) -> Bool { bytes < missing }

    mutating func missed(_ bytes: Int64, reason: String) {
        missing = min(missing, bytes)
        lack = lack ?? reason
    }

    /// One of `bytes` was stored.
    mutating func found(_ bytes: Int64) {
        if !isThere(for: bytes) { missing = .max }
    }
}
