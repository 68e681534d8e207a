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
        if let within = request.within, let end = old.certificate.notAfter, end > request.now + within,
            missingHosts(in: old.certificate).isEmpty
        {
            say("The receiver's certificate is not due: it counts until \(endDate(old.certificate)).")
            return
        }
        let change = try CertificateChange(deployment)
        do {
            let new = try stage(in: change, old, authority: setUp.authority.receiverAuthority)
            try change.commit()
            tell(new)
        } catch {
            change.discard()
            throw error
        }
    }

    struct OldReceiver {
        let certificate: Certificate
        let key: PrivateKey
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
        let key = request.hasNewKey ? try PrivateKey() : old.key
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

    func oldReceiver() throws -> OldReceiver {
        let path = deployment.receiver
        guard try fileStatus(path) != nil else {
            throw CommandFailure(
                "\(path) is missing", hint: "the next provision new-pi makes it", exitCode: .configuration)
        }
        let pem = try readFile(path, limit: 1 << 20)
        guard let certificate = try? Certificate.all(inPEM: pem).first,
            let key = try? PrivateKey(pem: SecureBytes(copyOf: pem)), certificate.isPaired(with: key)
        else {
            throw CommandFailure(
                "\(path) does not hold a certificate and its key",
                hint: "put it back from your copy; or move it away and run provision new-pi, which makes another",
                exitCode: .dataError)
        }
        return OldReceiver(certificate: certificate, key: key)
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
    private func hosts(_ old: Certificate) -> [HostName] {
        let kept = old.subjectAlternativeNames.compactMap { name -> HostName? in
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
