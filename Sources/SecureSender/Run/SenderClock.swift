import CLinux
import Glibc
import OpenSSL
import UploadProtocol

/// The best time known. A Pi has no battery clock: unless the kernel says that its clock is synchronised, the time is at
/// least that of its bundle and that of the last receipt, and the system clock may say anything.
struct SenderClock: Sendable {
    let isSynchronised: Bool
    /// Seconds since 1970 at `start`.
    private var time: Int64
    private let certificateTime: Int64
    /// What the system clock said at `start`, right or wrong.
    private let systemTime: Int64
    private let start: Uptime

    /// `systemTime`, `bundleTime`, `lastReceipt`: seconds since 1970.
    init(isSynchronised: Bool, systemTime: Int64, bundleTime: Int64, lastReceipt: Int64?, now: Uptime) {
        self.isSynchronised = isSynchronised
        time = isSynchronised ? systemTime : max(bundleTime, lastReceipt ?? bundleTime)
        certificateTime = time
        self.systemTime = systemTime
        start = now
    }

    /// Asks the kernel.
    init(bundleTime: Int64, lastReceipt: Int64?) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        self.init(
            isSynchronised: linux_clock_is_synchronised() != 0, systemTime: Int64(now.tv_sec), bundleTime: bundleTime,
            lastReceipt: lastReceipt, now: .now)
    }

    /// Seconds since 1970, for signatures.
    func time(at now: Uptime) -> Int64 { time + (now - start).components.seconds }

    /// When the receiver's certificate is judged. The receiver's word does not change it: who holds an expired certificate
    /// would give the date that it needs.
    func certificateTime(at now: Uptime) -> VerificationTime {
        let time = certificateTime + (now - start).components.seconds
        return isSynchronised ? .exactly(time) : .notBefore(time)
    }

    /// Takes the receiver's time for signatures; returns by how many seconds it is ahead of the system clock.
    mutating func correct(to receiverTime: Int64, at now: Uptime) -> Int64 {
        let elapsed = (now - start).components.seconds
        time = receiverTime - elapsed
        return receiverTime - (systemTime + elapsed)
    }
}
