import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// `certs/`: the roots and their key.
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
            let held = (try? Certificate.all(inPEM: text)) ?? []
            // What else is here is judged once the right one is back.
            let isForeign = !held.isEmpty && AuthorityCopy(deployment, insteadOf: held) != nil
            rootsText = isForeign ? nil : text
            roots = isForeign ? [] : held
            if isForeign {
                let problem =
                    "it is not the one that signed what is here, of which there is a copy in \(deployment.identities)/"
                findings.append(.error(path, problem, mend: Self.putBack(deployment, insteadOf: held)))
            } else if roots.isEmpty {
                findings.append(.error(path, "it holds no certificate in PEM", mend: Self.putBack(deployment)))
            }
        } catch {
            rootsText = nil
            roots = []
            if (try? fileStatus(path)) == nil, (try? deployment.traceOfUse()) == .some(nil) {
                findings.append(.error(path, "it is missing", mend: "provision init"))
                return
            }
            findings.append(.error(path, words(error), mend: Self.putBack(deployment)))
        }
        let change = AuthorityChangeStage(of: deployment)
        let mend = change?.command ?? "provision renew --ca"
        if let change {
            findings.append(underWay(change))
        }
        // The receiver may be another user.
        let open = try? permissions(path, forbidden: 0o022, mend: "go-w", "others may change whom to trust")
        findings += open ?? []
        if let rootsText { findings += ForeignRoots(deployment, roots: roots, text: rootsText).findings }
        findings += roots.flatMap { root in
            ending(root, path, now: now, days: Self.warningDays, mend: mend) + profile(of: root)
        }
        findings += [deployment.authorityKey, deployment.nextAuthorityKey].flatMap { key($0) }
    }

    /// Names no command that would refuse what is there of the change.
    private func underWay(_ change: AuthorityChangeStage) -> Finding {
        let (mark, key) = (deployment.nextAuthorityCertificate, deployment.nextAuthorityKey)
        guard (try? fileStatus(mark)) ?? nil != nil else { return .warning(key, change.words, mend: change.command) }
        let anew = "to begin with another: mv \(quoted(mark)) \(quoted("\(mark).old")) && provision renew --ca"
        guard let next = change.next else {
            return .error(
                mark, "it holds no certificate in PEM: it tells which root is taking over",
                mend: """
                    # put it back from your copy: it is the last certificate in \(deployment.authorityCertificate). If there \
                    is none, \(anew)
                    """)
        }
        guard roots.isEmpty || roots.contains(where: { $0.fingerprint == next.fingerprint }) else {
            return .error(
                mark, "\(deployment.authorityCertificate) lacks this root, which is taking over",
                mend: "cat \(quoted(mark)) >> \(quoted(deployment.authorityCertificate))")
        }
        if let exchanged = exchanged(next) { return exchanged }
        guard change.isFinishing || (try? fileStatus(key, followingLinks: true)) ?? nil != nil else {
            return .warning(
                mark, "a new authority is taking the place of the old one, and its key \(key) is not here",
                mend: "# copy the key back, and then: \(change.command). If it is lost, \(anew)")
        }
        return .warning(mark, change.words, mend: change.command)
    }

    /// The keys of the two authorities, each in the place of the other.
    private func exchanged(_ next: Certificate) -> Finding? {
        let (key, nextKey) = (deployment.authorityKey, deployment.nextAuthorityKey)
        func read(_ path: String) -> PrivateKey? {
            (try? readFile(path, limit: 1 << 16)).flatMap { try? PrivateKey(pem: SecureBytes(copyOf: $0)) }
        }
        guard let old = read(key), let new = read(nextKey), next.isPaired(with: old), !next.isPaired(with: new) else {
            return nil
        }
        let aside = quoted("\(key).old")
        return .error(
            nextKey, "it is the old authority's key, and \(key) that of the new one",
            mend: """
                mv -n \(quoted(key)) \(aside) && mv -n \(quoted(nextKey)) \(quoted(key)) && mv -n \(aside) \(quoted(nextKey))
                """)
    }

    /// From a Pi that has it whole.
    private static func putBack(_ deployment: Deployment, insteadOf held: [Certificate] = []) -> String {
        let path = deployment.authorityCertificate
        guard let copy = AuthorityCopy(deployment, insteadOf: held)?.path else {
            return "# put it back from your copy of \(deployment.certificates)/"
        }
        let folder = deployment.certificates
        let makingFolder = (try? fileStatus(folder)) == nil ? "mkdir -m 700 \(quoted(folder)) && " : ""
        return makingFolder + clearing([path], "install -m 644 \(quoted(copy)) \(quoted(path))")
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
        var place = "put it back from your copy of \(deployment.certificates)/"
        if path == deployment.nextAuthorityKey {
            let aside = [path, deployment.nextAuthorityCertificate].filter { (try? fileStatus($0)) ?? nil != nil }
            let moves = aside.map { "mv \(quoted($0)) \(quoted("\($0).old"))" }
            place += ". If there is none, to begin with another: "
            place += (moves + ["provision renew --ca"]).joined(separator: " && ")
        }
        // A copy that is written into a FIFO would wait for ever.
        let isRegular = (try? fileStatus(path))?.isRegularFile ?? true
        let putBack = isRegular ? "# \(place)" : "mv \(quoted(path)) \(quoted("\(path).old")) # then \(place)"
        do {
            // Kept elsewhere, on a stick perhaps that a link leads to: that is wise.
            guard try fileStatus(path, followingLinks: true) != nil else { return [] }
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
}
