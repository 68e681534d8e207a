import Logging
import TestSupport
import UploadStore

@testable import SecureReceiver

extension Receiver {
    /// What connections share, without one. `folder`: a deployment.
    static func forTests(in folder: TemporaryFolder, uploads: Int = 8) throws -> (Receiver, Credentials) {
        let logger = Logger(label: "test") { _ in TestLog() }
        let configuration = ReceiverConfiguration(certificate: folder("certs/server.pem"))
        let identifiers = try Prerequisites.identifiers(folder("ids.txt"), logger: logger)
        let receiver = Receiver(
            admission: Admission(
                authenticator: Authenticator(identifiers: identifiers, tolerance: 300), largestFile: nil),
            store: try UploadStore(opening: folder("received_files")), commits: CommitQueue(threads: 2),
            limit: UploadLimit(uploads), quota: DayQuota(files: nil, bytes: nil), resumableAbove: 1 << 20,
            tally: Tally(), logger: logger)
        return (receiver, try Prerequisites.credentials(configuration, logger: logger).current)
    }
}
