import Files
import OpenSSL
import UploadProtocol

/// What tells a deployment's roots from those of another.
struct AuthorityEvidence {
    private let key: PrivateKey?
    private let nextKey: PrivateKey?
    private let receiver: Certificate?
    private let next: Certificate?
    private let pis: [Certificate]

    init(_ deployment: Deployment) {
        func certificate(_ path: String) -> Certificate? {
            (try? readFile(path, limit: 1 << 20)).flatMap { try? Certificate.all(inPEM: $0).first }
        }
        func key(_ path: String) -> PrivateKey? {
            try? PrivateKey(pem: SecureBytes(copyOf: readFile(path, limit: 1 << 16)))
        }
        self.key = key(deployment.authorityKey)
        nextKey = key(deployment.nextAuthorityKey)
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

    /// Whether it has a key here, is taking over, or has signed anything here.
    func speaks(for root: Certificate) -> Bool {
        [key, nextKey].contains { key in key.map { root.isPaired(with: $0) } ?? false }
            || next?.fingerprint == root.fingerprint || receiver?.isSigned(by: root) == true
            || pis.contains { $0.isSigned(by: root) }
    }
}
