import CommandSupport
import Files
import Glibc
import Logging
import OpenSSL
import UploadProtocol

/// With what the receiver presents itself and signs its receipts. A connection keeps those of its handshake.
struct Credentials: Sendable {
    let tls: TLSContext
    let key: PrivateKey
    let certificate: Certificate
    let fingerprint: SHA256Digest

    private static let mostBytes = 1024 * 1024

    /// Reads `certificateFile` (the chain, and the key unless `keyFile` is given) and the roots in `rootsFile`.
    init(certificateFile: String, keyFile: String?, rootsFile: String) throws(CommandFailure) {
        let chain = try Self.certificates(certificateFile)
        let key = try Self.key(keyFile ?? certificateFile)
        let roots = try Self.certificates(rootsFile)
        for root in roots where LeafProfile.trustDomain(of: root) == nil {
            throw Self.failure(rootsFile, "a root certificate in it states no trust domain")
        }
        guard let leaf = chain.first else { throw Self.failure(certificateFile, "there is no certificate in it") }
        guard leaf.isPaired(with: key) else {
            throw Self.failure(
                certificateFile, "the private key in \(keyFile ?? certificateFile) belongs to another certificate")
        }
        try Self.checkProfile(of: leaf, in: certificateFile, roots: roots, rootsFile: rootsFile)
        let configuration = TLSConfiguration(
            role: .server, certificateChain: chain, privateKey: key, trustRoots: roots,
            peerPolicy: { peer in
                do throws(ProfileViolation) {
                    _ = try LeafProfile.piName(of: peer)
                    return .accept
                } catch {
                    return .refuse(error.description)
                }
            })
        do { tls = try TLSContext(configuration) } catch { throw Self.failure(certificateFile, "\(error)") }
        self.key = key
        certificate = leaf
        fingerprint = leaf.fingerprint
    }

    /// Says a month ahead that nobody will be able to send any more.
    func warnOfEnd(logger: Logger) {
        guard let end = certificate.notAfter, end - Int64(time(nil)) < 30 * 86_400 else { return }
        logger.warning(
            "the receiver's certificate ends soon; make a new one before",
            metadata: ["end": "\(HTTPDate.formatInternet(end))"])
    }

    /// Keeps a copy of the certificate for those who verify today's receipts in later years.
    func keepCertificate(in folder: String, logger: Logger) {
        let path = "\(folder)/\(fingerprint.hex).pem"
        // `provision` keeps one too, where the receiver may have no right to write.
        if let kept = try? fileStatus(path), kept.isRegularFile { return }
        mkdir(folder, 0o700)
        do { try writeNewFile(path, Array(try certificate.pem.utf8), mode: 0o644) } catch {
            if let error = error as? SystemCallError, error.code == EEXIST { return }
            logger.warning(
                "no copy of the certificate kept: receipts cannot be verified once it is replaced",
                metadata: ["file": "\(path)", "error": "\(error)"])
        }
    }

    /// What every sender will check: better refused here than by each station.
    private static func checkProfile(
        of leaf: Certificate, in file: String, roots: [Certificate], rootsFile: String
    ) throws(CommandFailure) {
        let chain: VerifiedChain
        do throws(OpenSSLError) {
            chain = try VerifiedChain(
                verifying: leaf, roots: roots, purpose: .serverAuthentication, at: Int64(time(nil)))
        } catch {
            throw failure(
                file,
                "no sender would accept it by the roots in \(rootsFile): \(error.reasons.joined(separator: "; "))",
                hint: wayOut(forPeriodOf: leaf) ?? generalHint)
        }
        do throws(ProfileViolation) { try LeafProfile.checkReceiver(chain) } catch {
            throw failure(file, "no sender would accept it: \(error)")
        }
    }

    /// `nil` if it is valid now.
    private static func wayOut(forPeriodOf certificate: Certificate) -> String? {
        let now = Int64(time(nil))
        if let end = certificate.notAfter, end <= now {
            return
                "it ended on \(HTTPDate.format(end)): run `provision renew --server` in this folder, and start the receiver again."
        }
        guard let begin = certificate.notBefore, begin > now else { return nil }
        return
            "it begins on \(HTTPDate.format(begin)), and this server's clock says \(HTTPDate.format(now)): set the clock right."
    }

    private static func certificates(_ file: String) throws(CommandFailure) -> [Certificate] {
        let bytes = try read(file)
        let certificates: [Certificate]
        do throws(OpenSSLError) { certificates = try Certificate.all(inPEM: bytes) } catch {
            throw failure(file, error.description)
        }
        guard !certificates.isEmpty else { throw failure(file, "there is no certificate in it") }
        return certificates
    }

    private static func key(_ file: String) throws(CommandFailure) -> PrivateKey {
        let bytes = SecureBytes(copyOf: try read(file))
        do throws(OpenSSLError) { return try PrivateKey(pem: bytes) } catch {
            throw failure(file, "there is no private key in it that can be read without a passphrase")
        }
    }

    private static func read(_ file: String) throws(CommandFailure) -> [UInt8] {
        do throws(SystemCallError) { return try readFile(file, limit: mostBytes) } catch {
            throw failure(file, error.reason)
        }
    }

    private static let generalHint =
        "run `provision new-pi` in this folder; it makes the certificates on first use. Or name the files with --cert, --key and --ca."

    private static func failure(_ file: String, _ reason: String, hint: String = generalHint) -> CommandFailure {
        CommandFailure("\(file) cannot be used", reason: reason, hint: hint, exitCode: .configuration)
    }
}
