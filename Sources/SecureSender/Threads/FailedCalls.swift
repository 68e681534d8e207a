import Files
import Synchronization

/// Makes `count` calls on several threads, this one among them, and returns the errors by the calls' numbers, from 0 on.
///
/// For syncs: each of them is a wait, and the disk ends those that wait at the same time together.
func failedCalls(
    of count: Int, threads: Int, _ call: @escaping @Sendable (Int) throws(SystemCallError) -> Void
) -> [Int: SystemCallError] {
    let errors = Errors()
    let threads = min(threads, count)
    let share: @Sendable (Int) -> Void = { first in
        for number in stride(from: first, to: count, by: threads) {
            do throws(SystemCallError) { try call(number) } catch { errors.add(error, number) }
        }
    }
    let others = (1..<max(1, threads)).map { first in (first, BackgroundThread { share(first) }) }
    if count > 0 { share(0) }
    for (first, thread) in others {
        if let thread { thread.join() } else { share(first) }
    }
    return errors.all
}

private final class Errors: Sendable {
    private let byNumber = Mutex<[Int: SystemCallError]>([:])

    var all: [Int: SystemCallError] { byNumber.withLock { $0 } }

    func add(_ error: SystemCallError, _ number: Int) {
        byNumber.withLock { $0[number] = error }
    }
}
