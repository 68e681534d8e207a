import Files
import Synchronization
import UploadProtocol
import UploadStore

/// What uploads on several threads came to.
final class Outcomes: Sendable {
    private let results = Mutex<[Result<Receipt.Result, any Error>]>([])

    func add(_ result: Result<Receipt.Result, any Error>) {
        results.withLock { $0.append(result) }
    }

    var all: [Result<Receipt.Result, any Error>] { results.withLock { $0 } }
}

/// What a verification reports.
final class Findings: Sendable {
    private let collected = Mutex<[String]>([])

    func add(_ finding: Finding) {
        let word =
            switch finding.matter {
            case .fault(let fault): fault.code
            case .unreadable(let error): "unreadable (\(error.code))"
            case .underWay: "under way"
            }
        add("\(word): \(finding.path)")
    }

    func add(_ line: String) {
        collected.withLock { $0.append(line) }
    }

    var all: [String] { collected.withLock { $0.sorted() } }
}
