import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// `certs/`: the roots, their key, and the receiver's certificate.
struct AuthorityCheck {
    let deployment: Deployment
    let now: Int64
    /// Empty if they cannot be read.
    let roots: [Certificate]
    /// `ca.pem` as it is; `nil` if it cannot be read.
    let rootsText: [UInt8]?
    private(set) var findings: [Finding] = []

    /// A root is seldom renewed, and every Pi has to learn the new one first.
    private static let warningDays: Int64 = 365

    init(deployment: Deployment, now: Int64) {
        self.deployment = deployment
        self.now = now
        let path = deployment.authorityCertificate
        do {
            let text = try readFile(path, limit: 1 << 20)
            rootsText = text
            roots = (try? Certificate.all(inPEM: text)) ?? []
            if roots.isEmpty {
                findings.append(.error(path, "it holds no certificate in PEM", mend: Self.putBack(deployment)))
            }
        } catch {
            rootsText = nil
            roots = []
            findings.append(.error(path, words(error), mend: Self.putBack(deployment)))
        }
        let change = AuthorityChangeStage(of: deployment)
        let mend = change?.command ?? "provision renew --ca"
        if let change {
            findings.append(.warning(deployment.nextAuthorityCertificate, change.words, mend: change.command))
        }
        findings += roots.flatMap { root in
            ending(root, path, now: now, days: Self.warningDays, mend: mend) + profile(of: root)
        }
        findings += [deployment.authorityKey, deployment.nextAuthorityKey].flatMap { key($0) }
    }

    private static func putBack(_ deployment: Deployment) -> String {
        let names = (try? namesInFolder(deployment.identities)) ?? []
        guard let name = names.first(where: { PiName($0) != nil }) else {
            return "put it back from your copy of \(deployment.certificates)/"
        }
        return "cp \(deployment.identities)/\(name)/\(PiIdentity.rootsFile) \(deployment.authorityCertificate)"
    }

    private func profile(of root: Certificate) -> [Finding] {
        let path = deployment.authorityCertificate
        let mend = "provision renew --ca"
        if root.authority != .certificateAuthority {
            return [.error(path, "a certificate in it is not an authority's", mend: mend)]
        }
        guard LeafProfile.trustDomain(of: root) != nil else {
            return [.error(path, "a certificate in it states no trust domain", mend: mend)]
        }
        return []
    }

    /// The authority's, or the next one's while it takes over.
    private func key(_ path: String) -> [Finding] {
        let putBack = "put it back from your copy of \(deployment.certificates)/"
        do {
            // Kept elsewhere: that is wise.
            guard try fileStatus(path) != nil else { return [] }
            var findings = try permissions(path, forbidden: 0o077, mend: "go=", "others may read it, and make Pis")
            let text = try readFile(path, limit: 1 << 16)
            // Without its passphrase nothing can be said of it.
            guard !PrivateKey.isEncrypted(pem: text) else { return findings }
            if let key = try? PrivateKey(pem: SecureBytes(copyOf: text)) {
                if !roots.isEmpty, !roots.contains(where: { $0.isPaired(with: key) }) {
                    findings.append(
                        .error(path, "it does not belong to \(deployment.authorityCertificate)", mend: putBack))
                }
            } else {
                findings.append(.error(path, "it holds no private key in PEM", mend: putBack))
            }
            return findings
        } catch {
            return [.error(path, words(error), mend: putBack)]
        }
    }

    /// The receiver's certificate and key.
    func receiver() -> [Finding] {
        let path = deployment.receiver
        let renew = "provision renew --server"
        do {
            guard try fileStatus(path, followingLinks: true) != nil else {
                return [.error(path, "it is missing, so the receiver does not start", mend: "provision init")]
            }
            // The group may be the receiver's.
            var findings = try permissions(path, forbidden: 0o027, mend: "g-w,o=", "others may read the receiver's key")
            let text = try readFile(path, limit: 1 << 20)
            guard let certificate = try? Certificate.all(inPEM: text).first else {
                return findings + [.error(path, "it holds no certificate in PEM", mend: renew)]
            }
            if let key = try? PrivateKey(pem: SecureBytes(copyOf: text)) {
                if !certificate.isPaired(with: key) {
                    findings.append(.error(path, "its key belongs to another certificate", mend: renew))
                }
            } else {
                findings.append(.error(path, "it holds no private key in PEM", mend: renew))
            }
            findings += Provision.profile(
                certificate, path, roots: roots, purpose: .serverAuthentication, now: now, mend: renew
            ) { try LeafProfile.checkReceiver($0) }
            findings += ending(certificate, path, now: now, days: PiRecord.warningDays, mend: renew)
            return findings + (try copy(of: certificate))
        } catch {
            return [.error(path, words(error), mend: renew)]
        }
    }

    private func copy(of certificate: Certificate) throws -> [Finding] {
        let copy = "\(deployment.receiverCertificates)/\(certificate.fingerprint.hex).pem"
        guard try fileStatus(copy) == nil else { return [] }
        return [
            .warning(
                copy, "it is missing: receipts of today can then not be verified once the certificate is renewed",
                mend: "openssl x509 -in \(deployment.receiver) -out \(copy)")
        ]
    }
}
