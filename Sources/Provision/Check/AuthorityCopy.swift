import Files
import OpenSSL
import UploadProtocol

/// The copy of `ca.pem` in a Pi's folder that fits what is in the deployment, where `ca.pem` itself does not.
struct AuthorityCopy {
    let path: String

    /// `nil` if no copy fits better than `held`.
    init?(_ deployment: Deployment, insteadOf held: [Certificate]) {
        let evidence = Evidence(deployment)
        let rank = evidence.rank(of: held)
        // One that lacks nothing stays, whatever lies in pis/.
        guard held.isEmpty || rank.fitting < evidence.count else { return nil }
        var best: (path: String, rank: Evidence.Rank)?
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

/// What tells a deployment's roots from those of another.
private struct Evidence {
    private let key: PrivateKey?
    private let receiver: Certificate?
    private let next: Certificate?
    private let pis: [Certificate]

    init(_ deployment: Deployment) {
        func certificate(_ path: String) -> Certificate? {
            (try? readFile(path, limit: 1 << 20)).flatMap { try? Certificate.all(inPEM: $0).first }
        }
        key = try? PrivateKey(pem: SecureBytes(copyOf: readFile(deployment.authorityKey, limit: 1 << 16)))
        receiver = certificate(deployment.receiver)
        next = certificate(deployment.nextAuthorityCertificate)
        pis = ((try? namesInFolder(deployment.identities)) ?? []).filter { PiName($0) != nil }.compactMap {
            certificate("\(deployment.identities)/\($0)/\(PiIdentity.certificateFile)")
        }
    }

    /// How much there is beside the Pis.
    var count: Int { (key == nil ? 0 : 1) + (receiver == nil ? 0 : 1) + (next == nil ? 0 : 1) }

    /// The Pis decide between equals alone: one of them may be another lab's as well.
    struct Rank {
        let fitting: Int
        let pis: Int

        static func < (one: Rank, other: Rank) -> Bool { (one.fitting, one.pis) < (other.fitting, other.pis) }
    }

    func mayBePaired(_ roots: [Certificate]) -> Bool {
        guard let key else { return true }
        return roots.contains { $0.isPaired(with: key) }
    }

    func rank(of roots: [Certificate]) -> Rank {
        func isSigned(_ certificate: Certificate) -> Bool { roots.contains { certificate.isSigned(by: $0) } }
        let isPaired = key != nil && mayBePaired(roots)
        let isReceivers = receiver.map(isSigned) ?? false
        let hasNext = next.map { next in roots.contains { $0.fingerprint == next.fingerprint } } ?? false
        return Rank(fitting: [isPaired, isReceivers, hasNext].count { $0 }, pis: pis.count(where: isSigned))
    }
}
