import Files
import OpenSSL

/// How far a change of the authority is, as far as can be told without a key, which may be kept elsewhere.
struct AuthorityChangeStage {
    /// The old root is dropped, but bundles may still hold it; before that, Pis get their bundles.
    let isFinishing: Bool
    /// `nil` if the file that tells it is missing or damaged.
    let next: Certificate?

    /// `nil` where none is under way.
    init?(of deployment: Deployment) {
        let mark = deployment.nextAuthorityCertificate
        let isMarked = (try? fileStatus(mark)) ?? nil != nil
        guard isMarked || (try? fileStatus(deployment.nextAuthorityKey)) ?? nil != nil else { return nil }
        // The receiver's certificate changes in the moment in which the old root is dropped.
        let next = try? Certificate.all(inPEM: readFile(mark, limit: 1 << 20)).first
        let receiver = try? Certificate.all(inPEM: readFile(deployment.receiver, limit: 1 << 20)).first
        isFinishing = next.flatMap { next in receiver?.isSigned(by: next) } == true
        self.next = next
    }

    /// What goes on with it.
    var command: String { isFinishing ? "provision renew --ca --finish" : "provision renew --ca" }

    /// For whoever finds it and does not know of it.
    var words: String {
        isFinishing
            ? "the new authority has taken over, but bundles may still hold the old root: type the command once more"
            : """
            a new authority is taking the place of the old one, and each Pi needs a new bundle for it. The command may be \
            typed as often as you like: it says which Pis still wait, and what to type for each
            """
    }

    /// What brings a Pi's `ca.pem`, which holds `roots`, up to date; `nil` if this change has no part in that.
    func mend(of roots: [UInt8]) -> String? {
        if isFinishing { return command }
        guard let next, let held = try? Certificate.all(inPEM: roots) else { return command }
        return held.contains { $0.fingerprint == next.fingerprint } ? nil : command
    }
}
