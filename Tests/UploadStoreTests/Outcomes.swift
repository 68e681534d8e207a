import Synchronization
import UploadProtocol

/// What uploads on several threads came to.
final class Outcomes: Sendable {
    private let results = Mutex<[Result<Receipt.Result, any Error>]>([])

    func add(_ result: Result<Receipt.Result, any Error>) {
        results.withLock { $0.append(result) }
    }

    var all: [Result<Receipt.Result, any Error>] { results.withLock { $0 } }
}
