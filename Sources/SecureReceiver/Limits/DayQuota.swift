import Glibc
import Synchronization
import UploadProtocol

/// How many files and bytes each Pi may still bring today (UTC).
///
/// It is counted in memory and begins anew when the receiver does: it guards the disk against a Pi gone wild, and a Pi cannot
/// restart the receiver.
final class DayQuota: Sendable {
    private struct State {
        /// Days since 1970.
        var day: Int64 = 0
        /// How many days have begun. A clock that is set back begins one anew, and what an upload of the first one gives back
        /// was never counted then.
        var begun = 0
        var used: [PiName: Amount] = [:]
    }

    private struct Amount {
        var files: Int64 = 0
        var bytes: Int64 = 0
    }

    private static let secondsOfDay: Int64 = 86_400

    private let mostFiles: Int64
    /// No file may be larger.
    let mostBytes: Int64
    private let isUnlimited: Bool
    private let state = Mutex(State())

    /// `nil` for no limit.
    init(files: Int64?, bytes: Int64?) {
        isUnlimited = files == nil && bytes == nil
        mostFiles = files ?? .max
        mostBytes = bytes ?? .max
    }

    /// What an upload of `size` bytes, or `files` 0 for a part of one, may come to; what it came to is said later. `now`: seconds
    /// since 1970.
    func charge(_ pi: PiName, files: Int64 = 1, size: Int64, now: Int64) throws(Refusal) -> Charge? {
        guard !isUnlimited else { return nil }
        guard size <= mostBytes else {
            throw Refusal(
                .tooLarge, "The file has \(size) bytes; this receiver takes \(mostBytes) bytes of a Pi in a day.")
        }
        let day = now / Self.secondsOfDay
        let begun: Int? = state.withLock { state in
            if state.day != day { state = State(day: day, begun: state.begun + 1) }
            var amount = state.used[pi, default: Amount()]
            guard files <= mostFiles - amount.files, size <= mostBytes - amount.bytes else { return nil }
            amount.files += files
            amount.bytes += size
            state.used[pi] = amount
            return state.begun
        }
        guard let begun else {
            throw Refusal(
                .tooManyRequests,
                "\(pi) has sent what this receiver takes of a Pi in a day; more is possible tomorrow (UTC).",
                retryAfter: (day + 1) * Self.secondsOfDay - now)
        }
        return Charge(pi: pi, files: files, size: size, begun: begun, quota: self)
    }

    fileprivate func giveBack(_ charge: Charge, files: Int64, bytes: Int64) {
        state.withLock { state in
            guard state.begun == charge.begun, let amount = state.used[charge.pi] else { return }
            state.used[charge.pi] = Amount(files: amount.files - files, bytes: amount.bytes - bytes)
        }
    }

    /// What is held back for an upload under way. Let go unsettled, nothing was used: the upload was refused, or the file was
    /// there already.
    final class Charge: Sendable {
        fileprivate let pi: PiName
        fileprivate let begun: Int
        private let files: Int64
        private let size: Int64
        private let quota: DayQuota
        private let isSettled = Atomic<Bool>(false)

        fileprivate init(pi: PiName, files: Int64, size: Int64, begun: Int, quota: DayQuota) {
            self.pi = pi
            self.files = files
            self.size = size
            self.begun = begun
            self.quota = quota
        }

        /// All of it was used.
        func keep() { settle(files: files, bytes: size) }

        /// So much of it was used. Only the first time counts.
        func settle(files: Int64 = 0, bytes: Int64) {
            guard !isSettled.exchange(true, ordering: .relaxed) else { return }
            quota.giveBack(self, files: self.files - files, bytes: size - bytes)
        }

        deinit { settle(bytes: 0) }
    }
}
