import Synchronization

/// Whether the reading of a file that somebody asks about goes on: as long as somebody waits for it, and if it is a large one,
/// on a thread for that, by turns with those of other Pis.
final class Reading: Sendable {
    /// Bytes. A connection whose client has closed its direction may still wait for an answer, as TCP and TLS allow; but it may as
    /// well be nobody's any more, which looks the same. So much, of which the reading takes less than a second, is read for it.
    static let mostForHalfClosed: Int64 = 64 << 20
    /// Bytes that are read on any thread.
    private static let mostInPassing: Int64 = 16 << 20
    /// How long one turn is; one read is done in any case.
    private static let turn = Duration.milliseconds(500)

    private let isInPassing: Bool
    private let mayRead: Bool
    private let isWanted: @Sendable () -> Bool
    private let began = Mutex<ContinuousClock.Instant?>(nil)
    private let putOff = SharedFlag()

    /// `size`: bytes that there are to read at most.
    init(of size: Int64, mayRead: Bool, while isWanted: @escaping @Sendable () -> Bool) {
        isInPassing = size <= Self.mostInPassing
        self.mayRead = mayRead
        self.isWanted = isWanted
    }

    /// Asked before each read.
    func mayGoOn() -> Bool {
        guard isWanted() else { return false }
        guard isInPassing || (mayRead && isItsTurn()) else {
            putOff.set()
            return false
        }
        return true
    }

    private func isItsTurn() -> Bool {
        began.withLock { began in
            let start = began ?? .now
            began = start
            return start.duration(to: .now) < Self.turn
        }
    }

    /// Whether it is to come again.
    var wasPutOff: Bool { putOff.isSet }
}
