import CommandSupport
import Files
import UploadProtocol

extension FileScan {
    /// What should be sent and cannot be, as a run tells it: of each kind the first few.
    var failures: [(name: String, failure: CommandFailure)] {
        unsendable.told.map { name, error in
            (name, .notSent(name, reason: "\(error)", hint: error.wayOut))
        }
            + unreadable.told.map { ($0.path, .notSent($0.path, reason: "\($0)", hint: $0.wayOut)) }
            + immovable.told.map { ($0.path, .immovable($0)) }
    }
}

extension UploadPathError {
    fileprivate var wayOut: String {
        if case .segmentCount = self {
            "move it up: at most \(UploadPath.mostSegments - 1) folders, one inside of the other"
        } else {
            "give it another name"
        }
    }
}
