import CertificateAuthority
import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// A new certificate for the receiver. It is signed by the authority that every Pi knows.
struct ReceiverRenewal {
    let deployment: Deployment
    let setUp: ExistingSetUp
    let request: Renew.Request
    let say: (String) -> Void

    func run() throws {
        let old = try oldReceiver()
        if let within = request.within, old.key != nil, let certificate = old.certificate,
            let end = certificate.notAfter, end > request.now + within, missingHosts(in: certificate).isEmpty
        {
            say("The receiver's certificate is not due: it counts until \(endDate(certificate)).")
            return
        }
        let change = try CertificateChange(deployment)
        do {
            let new = try stage(in: change, old, authority: setUp.authority.receiverAuthority)
            try change.commit()
            if old.certificate == nil { try ReceiverGroup(deployment).give(deployment.receiver) }
            tell(new)
        } catch {
            change.discard()
            throw error
        }
    }

    /// What of `server.pem` can be used.
    struct OldReceiver {
        var certificate: Certificate?
        /// The certificate's.
        var key: PrivateKey?
    }

    struct NewReceiver {
        let certificate: Certificate
        let hosts: [HostName]
    }

    /// Writes the new certificate with its copy, which the change brings into use.
    func stage(
        in change: CertificateChange, _ old: OldReceiver, authority: CertificateAuthority
    ) throws -> NewReceiver {
        let hosts = hosts(old.certificate)
        let key = if !request.hasNewKey, let key = old.key { key } else { try PrivateKey() }
        let certificate = try authority.receiverCertificate(
            for: key, hosts: hosts,
            validity: Validity(now: request.now, days: request.days ?? Lifetime.leafDays))
        let pem = Array(try certificate.pem.utf8)
        try makeFolder(deployment.receiverCertificates, mode: 0o755)
        // Before the certificate is used: a receipt must never stand there without it.
        try writeNewFile(copy(of: certificate), pem, mode: 0o644)
        try change.write(pem + key.pem().withUnsafeBytes(Array.init), to: deployment.receiver, mode: 0o600)
        return NewReceiver(certificate: certificate, hosts: hosts)
    }

    /// A file that is missing or damaged is made anew: the Pis look at the root and at the name, not at the key.
    func oldReceiver() throws -> OldReceiver {
        let path = deployment.receiver
        guard try fileStatus(path) != nil else {
            say("\(path) is missing: a new key is made.")
            return OldReceiver()
        }
        let pem = try readFile(path, limit: 1 << 20)
        let certificate = try? Certificate.all(inPEM: pem).first
        if let key = try? PrivateKey(pem: SecureBytes(copyOf: pem)), certificate?.isPaired(with: key) == true {
            return OldReceiver(certificate: certificate, key: key)
        }
        say("\(path) does not hold a certificate and its key: a new key is made.")
        return OldReceiver(certificate: certificate)
    }

    func tell(_ new: NewReceiver) {
        let names = ([LeafProfile.receiverName] + new.hosts.map(\.description)).joined(separator: ", ")
        say("Renewed the receiver's certificate, until \(endDate(new.certificate)), for \(names):")
        say("  \(deployment.receiver)  certificate and key")
        say("  \(copy(of: new.certificate))  the certificate alone, for receipts of later years; the old one stays")
        say("A receiver that runs in this folder takes it by itself, from the next connection on.")
        say("One that runs elsewhere needs \(deployment.receiver) and \(deployment.authorityCertificate) copied to it.")
    }

    private func copy(of certificate: Certificate) -> String {
        "\(deployment.receiverCertificates)/\(certificate.fingerprint.hex).pem"
    }

    /// Those of the old certificate, so that no client loses its way; then this host's of today, and those wished.
    private func hosts(_ old: Certificate?) -> [HostName] {
        let kept = (old?.subjectAlternativeNames ?? []).compactMap { name -> HostName? in
            switch name {
            case .dns(let text), .address(let text): HostName(text)
            default: nil
            }
        }
        return (kept + LocalHost.names() + request.hosts).reduce(into: []) { hosts, host in
            if !hosts.contains(host), host != .name(LeafProfile.receiverName) { hosts.append(host) }
        }
    }

    private func missingHosts(in certificate: Certificate) -> [HostName] {
        request.hosts.filter { host in
            switch host {
            case .name(let name): !certificate.carries(dnsName: name)
            case .address(let address): !certificate.carries(address: address)
            }
        }
    }
}
