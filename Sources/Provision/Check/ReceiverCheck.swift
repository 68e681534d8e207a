import Files
import OpenSSL
import UploadProtocol

/// The receiver's certificate and key, and the certificates that receivers used before.
struct ReceiverCheck {
    let deployment: Deployment
    let roots: [Certificate]
    let now: Int64

    func findings() throws -> [Finding] { try current() + copies() }

    private func current() throws -> [Finding] {
        let path = deployment.receiver
        let renew = clearing([path], "provision renew --server")
        do {
            guard try fileStatus(path) != nil else {
                return [.error(path, "it is missing, so the receiver does not start", mend: "provision init")]
            }
            // The group may be the receiver's.
            var findings = try permissions(
                path, forbidden: 0o027, mend: ReceiverGroup(deployment).excess("g-w"),
                "others may read the receiver's key")
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
            findings += profile(
                certificate, path, roots: roots, purpose: .serverAuthentication, now: now, mend: renew
            ) { try LeafProfile.checkReceiver($0) }
            findings += ending(certificate, path, now: now, days: PiRecord.warningDays, mend: renew)
            return findings + (try copy(of: certificate))
        } catch {
            return [.error(path, words(error), mend: renew)]
        }
    }

    /// Of the certificate in use: its receipts are to be verified in later years too.
    private func copy(of certificate: Certificate) throws -> [Finding] {
        let path = deployment.copy(ofReceiver: certificate)
        guard try !deployment.keepsCopy(ofReceiver: certificate) else { return [] }
        let problem =
            (try? fileStatus(path)) == nil
            ? "it is missing: receipts of today can then not be verified once the certificate is renewed"
            : "it does not hold the certificate that \(deployment.receiver) has"
        let folder = deployment.receiverCertificates
        let isObstacle = try fileStatus(folder) != nil && destination(folder)?.isFolder != true
        let mend = isObstacle ? "rm \(quoted(folder)) && provision init" : clearing([path], "provision init")
        return [.warning(path, problem, mend: mend)]
    }

    /// Whether each is the one that its name tells, and nobody else may exchange it.
    private func copies() throws -> [Finding] {
        let folder = deployment.receiverCertificates
        guard try destination(folder)?.isFolder == true else { return [] }
        let meaning = "others may exchange what receipts are verified with"
        let current = (try? readFile(deployment.receiver, limit: 1 << 20)).flatMap {
            try? Certificate.all(inPEM: $0).first
        }
        return try permissions(folder, forbidden: 0o022, mend: "go-w", meaning)
            + namesInFolder(folder).filter { !$0.hasPrefix(".") }.flatMap { name in
                let path = "\(folder)/\(name)"
                // Looked at already.
                let isCurrent = current.map(deployment.copy(ofReceiver:)) == path
                return try permissions(path, forbidden: 0o022, mend: "go-w", meaning)
                    + (isCurrent || isWhole(path, name) ? [] : [lost(path)])
            }
    }

    private func isWhole(_ path: String, _ name: String) -> Bool {
        guard let text = try? readFile(path, limit: 1 << 20), let certificate = try? Certificate.all(inPEM: text).first
        else { return false }
        return name == "\(certificate.fingerprint.hex).pem"
    }

    private func lost(_ path: String) -> Finding {
        .warning(
            path, "it is not the certificate that its name tells: receipts of its time cannot be verified",
            mend: "# put it back from your copy of \(deployment.certificates)/. If there is none: rm -r \(quoted(path))"
        )
    }
}
