import Logging
import Synchronization
import UploadProtocol

/// Tells of a Pi's refusals one by one up to some number a minute, and of the others how many they were: a Pi that asks thousands of
/// times a second must not push what the others do out of the journal.
final class RefusalLog: Sendable {
    /// What is told of one level keeps back nothing of another: an error is not lost among mere notices.
    private struct Line: Hashable {
        let pi: PiName?
        let level: Logger.Level
    }

    private struct Minute {
        let began: ContinuousClock.Instant
        var count = 0
    }

    /// Of those with a refusal in the last minute; their names come from certificates of the lab's own authority.
    private let minutes = Mutex<[Line: Minute]>([:])
    private let now: @Sendable () -> ContinuousClock.Instant

    /// Lines of one Pi and level.
    static let mostInAMinute = 60
    private static let minute = Duration.seconds(60)

    init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.now = now
    }

    /// `pi`: whose request it was; `nil` if nobody knows.
    func log(
        _ level: Logger.Level, _ message: Logger.Message, of pi: PiName?, _ metadata: Logger.Metadata = [:],
        to logger: Logger
    ) {
        let now = now()
        let isTold = minutes.withLock { minutes in
            minutes[Line(pi: pi, level: level), default: Minute(began: now)].count += 1
            return minutes[Line(pi: pi, level: level)].map { $0.count <= Self.mostInAMinute } ?? true
        }
        guard isTold else { return }
        logger.log(level: level, message, metadata: metadata.merging(["pi": "\(pi?.text ?? "-")"]) { $1 })
    }

    /// Tells how many were not told in the minutes that are over, or in all of them: to be called every few seconds, and at last.
    func tellOfOthers(all: Bool = false, to logger: Logger) {
        let now = now()
        let over = minutes.withLock { minutes in
            let over = minutes.filter { all || now - $0.value.began >= Self.minute }
            for line in over.keys { minutes[line] = nil }
            return over
        }
        for (line, minute) in over where minute.count > Self.mostInAMinute {
            logger.log(
                level: line.level, "more requests refused, which are not told one by one",
                metadata: [
                    "pi": "\(line.pi?.text ?? "-")", "more": .stringConvertible(minute.count - Self.mostInAMinute),
                ])
        }
    }
}
