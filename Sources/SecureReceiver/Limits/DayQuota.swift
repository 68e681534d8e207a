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
        var used: [PiName: Amount] = [:]
    }

    private struct Amount {
        var files: Int64 = 0
        var bytes: Int64 = 0
    }

    private static let secondsOfDay: Int64 = 86_400

    private let mostFiles: Int64
    private let mostBytes: Int64
    private let isUnlimited: Bool
    private let state = Mutex(State())

    /// `nil` for no limit.
    init(files: Int64?, bytes: Int64?) {
        isUnlimited = files == nil && bytes == nil
        mostFiles = files ?? .max
        mostBytes = bytes ?? .max
    }

    /// What an upload of `size` bytes takes of it, given back unless it is kept. `now`: seconds since 1970.
    func charge(_ pi: PiName, size: Int64, now: Int64) throws(Refusal) -> Charge? {
        guard !isUnlimited else { return nil }
        guard size <= mostBytes else {
            throw Refusal(
                .tooLarge, "The file has \(size) bytes; this receiver takes \(mostBytes) bytes of a Pi in a day.")
        }
        let day = now / Self.secondsOfDay
        let isPossible = state.withLock { state in
            if state.day != day { state = State(day: day) }
            var amount = state.used[pi, default: Amount()]
            guard amount.files < mostFiles, size <= mostBytes - amount.bytes else { return false }
            amount.files += 1
            amount.bytes += size
            state.used[pi] = amount
            return true
        }
        guard isPossible else {
            throw Refusal(
                .tooManyRequests,
                "\(pi) has sent what this receiver takes of a Pi in a day; more is possible tomorrow (UTC).",
                retryAfter: (day + 1) * Self.secondsOfDay - now)
        }
        return Charge(pi: pi, size: size, day: day, quota: self)
    }

    fileprivate func giveBack(_ charge: Charge) {
        state.withLock { state in
            guard state.day == charge.day, let amount = state.used[charge.pi] else { return }
            state.used[charge.pi] = Amount(files: amount.files - 1, bytes: amount.bytes - charge.size)
        }
    }

    /// Let go without `keep()`, nothing was used: the upload was refused or cut, or the file was there already.
    final class Charge: Sendable {
        fileprivate let pi: PiName
        fileprivate let size: Int64
        fileprivate let day: Int64
        private let quota: DayQuota
        private let isKept = Atomic<Bool>(false)

        fileprivate init(pi: PiName, size: Int64, day: Int64, quota: DayQuota) {
            self.pi = pi
            self.size = size
            self.day = day
            self.quota = quota
        }

        func keep() {
            isKept.store(true, ordering: .relaxed)
        }

        deinit {
            if !isKept.load(ordering: .relaxed) { quota.giveBack(self) }
        }
    }
}
