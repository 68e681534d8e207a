/// Whether the reading of a file that somebody asks about goes on: as long as somebody waits for it, and if it is a large one,
/// on a thread for that.
final class Reading: Sendable {
    /// Bytes. A connection whose client has closed its direction may still wait for an answer, as TCP and TLS allow; but it may as
    /// well be nobody's any more, which looks the same. So much, of which the reading takes less than a second, is read for it.
    static let mostForHalfClosed: Int64 = 64 << 20
    /// Bytes that are read on any thread.
    private static let mostInPassing: Int64 = 16 << 20

    private let isAllowed: Bool
    private let isWanted: @Sendable () -> Bool
    private let putOff = SharedFlag()

    /// `size`: bytes that there are to read at most.
    init(of size: Int64, isAllowed: Bool, while isWanted: @escaping @Sendable () -> Bool) {
        self.isAllowed = isAllowed || size <= Self.mostInPassing
        self.isWanted = isWanted
    }

    /// Asked while it is read.
    var mayGoOn: Bool {
        guard isAllowed else {
            putOff.set()
            return false
        }
        return isWanted()
    }

    /// Whether it is for a thread for readings.
    var wasPutOff: Bool { putOff.isSet }
}
