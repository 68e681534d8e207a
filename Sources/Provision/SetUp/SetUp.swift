import CertificateAuthority
import CommandSupport
import Files
import Glibc
import OpenSSL
import UploadProtocol

/// Makes of a deployment what is not there yet. Each part is durable before the next is begun and none needs a later
/// one, so that an interrupted set-up is simply continued.
struct SetUp {
    let deployment: Deployment
    let wishes: CertificateWishes
    /// Seconds since 1970.
    let now: Int64

    struct Outcome {
        var authorityIsNew = false
        var receiverIsNew = false
        /// What was made, for people.
        var made: [Piece] = []
        var notes: [String] = []
    }

    struct Piece {
        let path: String
        let purpose: String
    }

    func run(_ state: Deployment.AuthorityState) throws -> (authority: LocalAuthority, outcome: Outcome) {
        var outcome = Outcome()
        let authority = try authority(state, &outcome)
        try receiver(authority, &outcome)
        try withoutKey(&outcome)
        return (authority, outcome)
    }

    /// What needs no key of the authority, which may be kept elsewhere.
    func withoutKey(_ outcome: inout Outcome) throws {
        try receiverCopy(&outcome)
        if try fileStatus(deployment.identifiers) == nil {
            try IdentifierFile.create(deployment.identifiers)
            try ReceiverGroup(deployment).give(deployment.identifiers)
            outcome.made.append(Piece(path: deployment.identifiers, purpose: "the secret and the name of each Pi"))
        }
        if try makeFolder(deployment.store, mode: 0o750) {
            outcome.made.append(Piece(path: "\(deployment.store)/", purpose: "where uploads are stored"))
        }
        if try makeFolder(deployment.identities, mode: 0o700) {
            outcome.made.append(Piece(path: "\(deployment.identities)/", purpose: "what each Pi gets"))
        }
        try gitignore(&outcome)
    }

    private func authority(
        _ state: Deployment.AuthorityState, _ outcome: inout Outcome
    ) throws -> LocalAuthority {
        switch state {
        case .present(let local):
            return local
        case .absent(let key):
            // The folder may come from a checkout, readable for all.
            guard chmod(deployment.certificates, 0o700) == 0 else {
                throw SystemCallError("set the mode of", deployment.certificates)
            }
            guard let domain = wishes.trustDomain ?? TrustDomain(CertificateWishes.defaultTrustDomain) else {
                preconditionFailure("the default is a trust domain")
            }
            let local = try deployment.makeAuthority(
                key: key, passphrase: wishes.passphrase, trustDomain: domain,
                validity: Validity(now: now, days: Lifetime.authorityDays))
            outcome.authorityIsNew = true
            outcome.made.append(
                Piece(
                    path: "\(deployment.authorityCertificate), \(deployment.authorityKey)",
                    purpose:
                        "the lab's certificate authority (\(domain)), until \(endDate(local.authority.certificate))"))
            outcome.notes.append(
                """
                Keep a copy of \(deployment.authorityKey) in a safe place: whoever has it can make Pis; without it no \
                Pi can be added.
                """)
            return local
        }
    }

    private func receiver(_ authority: LocalAuthority, _ outcome: inout Outcome) throws {
        guard try fileStatus(deployment.receiver) == nil else { return }
        let hosts = (LocalHost.names() + wishes.hosts).reduce(into: [HostName]()) { hosts, host in
            if !hosts.contains(host), host != .name(LeafProfile.receiverName) { hosts.append(host) }
        }
        let key = try PrivateKey()
        let certificate = try authority.receiverAuthority.receiverCertificate(
            for: key, hosts: hosts, validity: Validity(now: now, days: wishes.days ?? Lifetime.leafDays))
        let pem = Array(try certificate.pem.utf8)
        let copy = deployment.copy(ofReceiver: certificate)
        // Before the certificate is used: a receipt must never stand there without it.
        try makeFolder(deployment.receiverCertificates, mode: 0o755)
        try writeNewFile(copy, pem, mode: 0o644)
        try writeNewFile(deployment.receiver, pem + key.pem().withUnsafeBytes(Array.init), mode: 0o600)
        try ReceiverGroup(deployment).give(deployment.receiver)
        outcome.receiverIsNew = true
        let names = ([LeafProfile.receiverName] + hosts.map(\.description)).joined(separator: ", ")
        outcome.made.append(
            Piece(
                path: deployment.receiver,
                purpose: "the receiver's certificate and key, until \(endDate(certificate)), for \(names)"))
        outcome.made.append(Piece(path: copy, purpose: "the certificate alone, for receipts of later years"))
    }

    /// Of a certificate that is in use already, if it was lost or damaged.
    private func receiverCopy(_ outcome: inout Outcome) throws {
        guard let text = try? readFile(deployment.receiver, limit: 1 << 20),
            let certificate = try? Certificate.all(inPEM: text).first,
            try !deployment.keepsCopy(ofReceiver: certificate)
        else { return }
        let copy = deployment.copy(ofReceiver: certificate)
        try makeFolder(deployment.receiverCertificates, mode: 0o755)
        try replaceFile(copy, Array(certificate.pem.utf8), mode: 0o644)
        outcome.made.append(Piece(path: copy, purpose: "the receiver's certificate alone, for receipts of later years"))
    }

    private func gitignore(_ outcome: inout Outcome) throws {
        let path = deployment.gitignore
        guard try fileStatus(path) != nil else {
            try writeNewFile(path, Array(GitIgnore.contents.utf8), mode: 0o644)
            outcome.made.append(Piece(path: path, purpose: "keeps secrets, keys and data out of git"))
            return
        }
        // Whatever it is, it is not ours: one that cannot be read is as good as one that lacks every line.
        let text = (try? readFile(path, limit: 1 << 20)) ?? []
        let missing = GitIgnore.missing(in: String(decoding: text, as: UTF8.self))
        guard !missing.isEmpty else { return }
        outcome.notes.append(
            "Add these lines to \(path), or secrets may get into a repository: \(missing.joined(separator: "  "))")
    }
}

extension Deployment {
    func copy(ofReceiver certificate: Certificate) -> String {
        "\(receiverCertificates)/\(certificate.fingerprint.hex).pem"
    }

    /// Whether the file that has the certificate's name holds it.
    func keepsCopy(ofReceiver certificate: Certificate) throws -> Bool {
        guard let text = try? readFile(copy(ofReceiver: certificate), limit: 1 << 20) else { return false }
        return (try? Certificate.all(inPEM: text).first)?.fingerprint == certificate.fingerprint
    }
}

func endDate(_ certificate: Certificate) -> String {
    certificate.notAfter.map(date) ?? "an unknown day"
}

/// `seconds` since 1970 as `2026-07-31`.
func date(_ seconds: Int64) -> String {
    String(HTTPDate.formatInternet(seconds).prefix(10))
}
