import Files
import Glibc
import OpenSSL
import Synchronization
import UploadProtocol

/// The certificates that receivers of this lab ever used, `<fingerprint>.pem` each.
///
/// That a certificate is kept here is why it is trusted: the receiver puts its own here, and who can put another here can
/// also change `ca.pem`. A chain to a root is not asked for, because a root goes when a new authority takes over, and what
/// it has issued must verify receipts for as long as these are kept. Nor is the time: a receipt signed by a receiver whose
/// certificate had ended, or whose clock was wrong, is of a sound file all the same.
final class KeptCertificates: Sendable {
    private let folder: Directory
    private let good = Mutex<[SHA256Digest: Certificate]>([:])

    private static let mostBytes = 64 * 1024

    init(in folder: Directory) {
        self.folder = folder
    }

    /// Throws `Fault.certificateUnusable` if it is not there, or not what its file's name says, or not a receiver's.
    func certificate(_ fingerprint: SHA256Digest) throws(Fault) -> Certificate {
        if let certificate = good.withLock({ $0[fingerprint] }) { return certificate }
        let certificate = try read(fingerprint)
        good.withLock { $0[fingerprint] = certificate }
        return certificate
    }

    private func read(_ fingerprint: SHA256Digest) throws(Fault) -> Certificate {
        func unusable(_ reason: String) -> Fault { .certificateUnusable(fingerprint, reason: reason) }
        let name = "\(fingerprint.hex).pem"
        let text: [UInt8]
        do {
            guard let file = try StoredFile(name, in: folder) else { throw unusable("is not in \(folder.path)") }
            text = try readAll(file.file, limit: Self.mostBytes)
        } catch {
            throw error as? Fault ?? unusable("cannot be read: \(error)")
        }
        guard let certificate = try? Certificate.all(inPEM: text).first else {
            throw unusable("cannot be read: there is none in \(folder.path(of: name))")
        }
        guard certificate.fingerprint == fingerprint else {
            throw unusable("is not what \(folder.path(of: name)) holds, but another")
        }
        do throws(ProfileViolation) { try LeafProfile.checkReceiver(certificate) } catch {
            throw unusable("is no receiver's: \(error)")
        }
        return certificate
    }
}
