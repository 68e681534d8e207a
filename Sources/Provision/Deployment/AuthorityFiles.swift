import CertificateAuthority
import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// The lab's authority as the folder holds it.
struct LocalAuthority {
    /// The one that signs Pis; while a new one takes over, the new one.
    let authority: CertificateAuthority
    /// The one that signs the receiver's certificate; while a new one takes over, the old one: each Pi knows it.
    let receiverAuthority: CertificateAuthority
    /// `ca.pem` as it is: what every Pi is to trust.
    let roots: [UInt8]
    /// What opened the key, if it wants a passphrase.
    var passphrase: SecureBytes?

    /// The new one has taken over here, but bundles may still hold the old root.
    var isFinishing = false

    var isChanging: Bool { authority.certificate.fingerprint != receiverAuthority.certificate.fingerprint }
}

extension Deployment {
    enum AuthorityState {
        case present(LocalAuthority)
        /// With the key of a first use that was interrupted before it wrote the certificate.
        case absent(PrivateKey?)
    }

    /// Refuses whatever looks like an authority that was lost or moved: a new one would shut out every Pi of the old.
    /// `passphrase`: has been obtained.
    func readAuthority(_ passphrase: AuthorityPassphrase = AuthorityPassphrase()) throws -> AuthorityState {
        let hasCertificate = try fileStatus(authorityCertificate) != nil
        let hasKey = try fileStatus(authorityKey) != nil
        switch (hasCertificate, hasKey) {
        case (true, true):
            return .present(try readPair(passphrase))
        case (true, false):
            throw CommandFailure(
                "\(authorityKey) is missing", reason: "without it no certificate can be signed",
                hint: "if this folder's authority key is kept elsewhere, copy it back for this run",
                exitCode: .configuration)
        case (false, let hasKey):
            try refuseLostAuthority()
            return .absent(hasKey ? try readKey(authorityKey, passphrase).key : nil)
        }
    }

    /// The key is durable before the certificate is there: the certificate alone says that the authority exists.
    func makeAuthority(
        key: PrivateKey?, passphrase: AuthorityPassphrase, trustDomain: TrustDomain, validity: Validity
    ) throws -> LocalAuthority {
        let authority = try CertificateAuthority(creatingFor: trustDomain, key: key, validity: validity)
        if key == nil {
            let text =
                if let passphrase = try passphrase.forNewKey(authorityKey) {
                    try authority.key.pem(passphrase: passphrase)
                } else {
                    try authority.key.pem()
                }
            try writeNewFile(authorityKey, text.withUnsafeBytes(Array.init), mode: 0o600)
        }
        let roots = Array(try authority.certificate.pem.utf8)
        try writeNewFile(authorityCertificate, roots, mode: 0o644)
        return LocalAuthority(authority: authority, receiverAuthority: authority, roots: roots)
    }

    private func readPair(_ passphrase: AuthorityPassphrase) throws -> LocalAuthority {
        let roots = try readFile(authorityCertificate, limit: 1 << 20)
        guard let certificates = try? Certificate.all(inPEM: roots), !certificates.isEmpty else {
            throw CommandFailure(
                "\(authorityCertificate) holds no certificate in PEM",
                hint: "put it back from your copy; every Pi's folder has one", exitCode: .dataError)
        }
        let (key, phrase) = try readKey(authorityKey, passphrase)
        let current = try authority(of: key, in: authorityKey, among: certificates)
        let marked = try nextRoot(among: certificates)
        let isFinishing = marked?.fingerprint == current.certificate.fingerprint
        var next: CertificateAuthority?
        if try fileStatus(nextAuthorityKey) != nil {
            let (key, _) = try readKey(nextAuthorityKey, passphrase)
            next = try authority(of: key, in: nextAuthorityKey, among: marked.map { [$0] } ?? certificates)
        } else if marked != nil, !isFinishing {
            // Pis signed by the old one would be refused when the change is finished.
            throw CommandFailure(
                "\(nextAuthorityKey) is missing",
                reason: "a new authority is taking the place of the old one, and this key signs the Pis meanwhile",
                hint: """
                    if it is kept elsewhere, copy it back for this run. If it is lost, begin again with another: \
                    rm \(nextAuthorityCertificate) && provision renew --ca
                    """, exitCode: .configuration)
        }
        return LocalAuthority(
            authority: next ?? current, receiverAuthority: current, roots: roots, passphrase: phrase,
            isFinishing: isFinishing)
    }

    /// The root that takes over; `nil` if none does. Of several in `ca.pem`, only this file tells which.
    private func nextRoot(among certificates: [Certificate]) throws -> Certificate? {
        let path = nextAuthorityCertificate
        guard try fileStatus(path) != nil else { return nil }
        guard let root = try? Certificate.all(inPEM: readFile(path, limit: 1 << 20)).first else {
            throw CommandFailure(
                "\(path) holds no certificate in PEM", reason: "it tells which root is taking over",
                hint: "put it back from your copy; it is the last certificate in \(authorityCertificate)",
                exitCode: .dataError)
        }
        guard certificates.contains(where: { $0.fingerprint == root.fingerprint }) else {
            throw CommandFailure(
                "\(authorityCertificate) lacks the root that is taking over", reason: "that is \(path)",
                hint: "add it again: cat \(path) >> \(authorityCertificate)", exitCode: .configuration)
        }
        return root
    }

    private func authority(
        of key: PrivateKey, in file: String, among certificates: [Certificate]
    ) throws -> CertificateAuthority {
        guard let certificate = certificates.first(where: { $0.isPaired(with: key) }) else {
            throw CommandFailure(
                "\(file) does not belong to \(authorityCertificate)",
                hint: "one of the two comes from another deployment: put the right one back", exitCode: .configuration)
        }
        do {
            return try CertificateAuthority(certificate: certificate, key: key)
        } catch {
            throw CommandFailure(
                "\(authorityCertificate) cannot be used", reason: error.description,
                hint: "an authority is made by provision, in a folder that has none", exitCode: .configuration)
        }
    }

    private func readKey(
        _ path: String, _ passphrase: AuthorityPassphrase
    ) throws -> (key: PrivateKey, passphrase: SecureBytes?) {
        let bytes = try readFile(path, limit: 1 << 16)
        guard PrivateKey.isEncrypted(pem: bytes) else {
            if passphrase.file != nil || passphrase.isAskedForNewKey {
                throw CommandFailure(
                    "\(path) has no passphrase", reason: "and one that exists is not changed",
                    hint: """
                        leave the passphrase out, or give the key one: openssl pkcs8 -topk8 -v2 aes-256-cbc \
                        -in \(path) -out ca.key.new && mv ca.key.new \(path)
                        """, exitCode: .usage)
            }
            guard let key = try? PrivateKey(pem: SecureBytes(copyOf: bytes)) else {
                throw CommandFailure(
                    "\(path) holds no private key in PEM", hint: "put it back from your copy",
                    exitCode: .dataError)
            }
            return (key, nil)
        }
        guard let opened = passphrase.open(bytes) else { throw AuthorityPassphrase.changedMeanwhile(path) }
        return opened
    }

    /// Pis whose authority was lost: another one would be a stranger to them.
    func refuseLostAuthority() throws {
        guard let trace = try traceOfUse() else { return }
        let hasKey = try fileStatus(authorityKey) != nil
        throw CommandFailure(
            "\(authorityCertificate) is missing", reason: "but certificates were issued in this folder: \(trace)",
            hint: hasKey
                ? "every Pi's folder has a copy of it; provision check names the command that puts it back"
                : """
                put ca.pem and ca.key back from your copy. If there is none, every Pi is to be made anew: begin in an \
                empty folder
                """,
            exitCode: .configuration)
    }

    /// What shows that an authority was here; `nil` if nothing does.
    func traceOfUse() throws -> String? {
        if try fileStatus(receiver) != nil { return "\(receiver) is one" }
        let entries = try fileStatus(identities) == nil ? [] : namesInFolder(identities)
        if entries.contains(where: { PiName($0) != nil || $0.hasSuffix(".tar.gz") }) {
            return "\(identities)/ holds Pis"
        }
        // A name stands there for a certificate; the old system's bare ids do not.
        let lines = try IdentifierFile(reading: identifiers, mostBareSecrets: .max)?.lines ?? []
        if lines.contains(where: { $0.entry?.name != nil }) { return "\(identifiers) names Pis" }
        return nil
    }
}
