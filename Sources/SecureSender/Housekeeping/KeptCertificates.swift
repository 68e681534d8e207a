import Files
import Glibc
import OpenSSL
import UploadProtocol

/// The certificates of the receivers that signed what is in the sent folder, `.receiver-<fingerprint>.pem` each: without them no receipt
/// could be verified here.
///
/// One that is kept was good in a handshake. That it has ended since, or its root is gone, says nothing against what was
/// signed; and who can put another here can change the sent files themselves.
struct KeptCertificates {
    let root: Folder

    private static let mostBytes = 64 << 10

    func keep(_ certificate: Certificate) throws {
        let name = Self.name(of: certificate.fingerprint)
        guard try root.status(of: name) == nil else { return }
        try writeNewFile(root.path(of: name), Array(certificate.pem.utf8), mode: 0o644)
    }

    /// `nil` if it is not there, or not a receiver's.
    func certificate(_ fingerprint: SHA256Digest) -> Certificate? {
        guard let file = try? root.open(Self.name(of: fingerprint), O_RDONLY | O_NONBLOCK),
            let bytes = try? readAll(file, limit: Self.mostBytes),
            let certificate = try? Certificate.all(inPEM: bytes).first, certificate.fingerprint == fingerprint
        else { return nil }
        do throws(ProfileViolation) { try LeafProfile.checkReceiver(certificate) } catch { return nil }
        return certificate
    }

    private static func name(of fingerprint: SHA256Digest) -> String { ".receiver-\(fingerprint.hex).pem" }
}
