import Files
import Glibc
import UploadProtocol

/// The folder of one lab's deployment, and where everything in it lies.
struct Deployment: Sendable {
    /// "." for the current one: paths are then shown as a person would type them.
    let folder: String

    init(folder: String = ".") {
        self.folder = folder
    }

    func path(_ name: String) -> String { folder == "." ? name : "\(folder)/\(name)" }

    var certificates: String { path("certs") }
    /// Held by whoever changes the folder. A file, because NFS locks no folders.
    var lock: String { path("certs/.lock") }
    /// May hold several roots.
    var authorityCertificate: String { path("certs/ca.pem") }
    var authorityKey: String { path("certs/ca.key") }
    /// The key of the authority that is to take over, while it does.
    var nextAuthorityKey: String { path("certs/ca.next.key") }
    /// Which of the roots in `ca.pem` is that authority's; there until the last bundle has lost the old root.
    var nextAuthorityCertificate: String { path("certs/ca.next.pem") }
    /// The receiver's certificate and key.
    var receiver: String { path("certs/server.pem") }
    /// Every certificate that a receiver ever used, for the receipts of earlier years.
    var receiverCertificates: String { path("certs/receiver") }
    /// Which certificate and roots `provision bundle --install` brought to each Pi.
    var installations: String { path("certs/installed") }
    /// Files of `certs` that are about to take the place of others: being made, and whole.
    var unfinishedChange: String { path("certs/.change.new") }
    var change: String { path("certs/.change") }

    var identifiers: String { path("ids.txt") }
    var store: String { path("received_files") }
    var gitignore: String { path(".gitignore") }

    var identities: String { path("pis") }
    /// New identities that are being made. No Pi's name begins with a dot.
    var staging: String { path("pis/.staging") }
    /// Identities that are to replace others: being made, and whole.
    var unfinishedReplacement: String { path("pis/.replacing") }
    var replacement: String { path("pis/.replacement") }
    func identity(of pi: PiName) -> String { "\(identities)/\(pi)" }
    func bundle(of pi: PiName) -> String { "\(identities)/\(pi).tar.gz" }
}

extension Deployment {
    /// What is unwise about the folder, though it works.
    func warnings() throws -> [String] {
        var warnings: [String] = []
        if let status = try fileStatus(folder, followingLinks: true), status.st_mode & (S_IWOTH | S_ISVTX) == S_IWOTH {
            warnings.append("warning: everyone on this computer may change files in this folder; mend it: chmod o-w .")
        }
        if let status = try fileStatus(identifiers), status.isRegularFile, status.permissions & 0o007 != 0 {
            warnings.append("warning: everyone on this computer may read ids.txt; mend it: chmod o= \(identifiers)")
        }
        return warnings
    }
}
