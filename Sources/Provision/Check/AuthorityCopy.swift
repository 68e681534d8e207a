import Files
import OpenSSL
import UploadProtocol

/// The copy of `ca.pem` in a Pi's folder that fits what is in the deployment, where `ca.pem` itself does not.
struct AuthorityCopy {
    let path: String

    /// `nil` if no copy fits better than `held`.
    init?(_ deployment: Deployment, insteadOf held: [Certificate]) {
        let evidence = AuthorityEvidence(deployment)
        let rank = evidence.rank(of: held)
        // One that lacks nothing stays, whatever lies in pis/.
        guard held.isEmpty || rank.fitting < evidence.count else { return nil }
        var best: (path: String, rank: AuthorityEvidence.Rank)?
        for name in (try? namesInFolder(deployment.identities)) ?? [] where PiName(name) != nil {
            let path = "\(deployment.identities)/\(name)/\(PiIdentity.rootsFile)"
            guard let text = try? readFile(path, limit: 1 << 20), let roots = try? Certificate.all(inPEM: text),
                let root = roots.first, LeafProfile.trustDomain(of: root) != nil
            else { continue }
            let own = evidence.rank(of: roots)
            guard held.isEmpty ? evidence.mayBePaired(roots) : rank < own else { continue }
            if best.map({ $0.rank < own }) ?? true { best = (path, own) }
        }
        guard let best else { return nil }
        path = best.path
    }
}
