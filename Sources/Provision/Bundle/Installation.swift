import Files
import OpenSSL
import UploadProtocol

/// Which certificate and which roots a Pi was brought. The folder remembers it, because nothing else tells which Pis
/// still wait for theirs. No secret is in it, nor anything computed from one.
struct Installation: Equatable {
    private let line: String

    init(of kept: KeptIdentity) {
        line = "certificate \(kept.identity.certificate.fingerprint.hex) roots \(SHA256.digest(of: kept.roots).hex)\n"
    }

    /// `nil` if none is recorded.
    init?(recordedFor name: PiName, in deployment: Deployment) throws {
        let path = "\(deployment.installations)/\(name)"
        guard try fileStatus(path) != nil else { return nil }
        line = String(decoding: try readFile(path, limit: 4096), as: UTF8.self)
    }

    func record(for name: PiName, in deployment: Deployment) throws {
        try makeFolder(deployment.installations, mode: 0o700)
        try replaceFile("\(deployment.installations)/\(name)", Array(line.utf8), mode: 0o600)
    }
}
