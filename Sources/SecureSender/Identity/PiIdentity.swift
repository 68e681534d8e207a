import CommandSupport
import Files
import Glibc
import OpenSSL
import UploadProtocol

/// All that a Pi needs to prove who it is, and to know the receiver.
struct PiIdentity: Sendable {
    let name: PiName
    let secret: PiSecret
    /// The own certificate first.
    let certificateChain: [Certificate]
    let privateKey: PrivateKey
    let trustRoots: [Certificate]
    /// Of its secret files, the paths of those that should be for their owner alone.
    let readableByAll: [String]
    /// Its files, which must never be sent.
    let files: [Fingerprint]

    /// When the bundle was made, in seconds since 1970: no time of today is earlier.
    var made: Int64 { (certificateChain[0].notBefore ?? 0) + LeafProfile.headStart }

    init(readingFrom folder: IdentityFolder) throws(CommandFailure) {
        let secretPath = folder.path(of: IdentityFolder.secretFile)
        let certificatePath = folder.path(of: IdentityFolder.certificateFile)
        secret = try Self.secret(in: secretPath)
        (certificateChain, privateKey) = try Self.certificateAndKey(in: certificatePath)
        trustRoots = try Self.certificates(
            in: try Self.read(folder.path(of: IdentityFolder.rootsFile)),
            path: folder.path(of: IdentityFolder.rootsFile))
        name = try Self.name(in: certificateChain[0], path: certificatePath, roots: trustRoots)
        readableByAll = [secretPath, certificatePath].filter { Self.othersCanRead($0) }
        files = folder.version.compactMap { $0 }
    }

    /// Enough for any key, chain and set of roots.
    private static let mostBytes = 64 << 10

    private static func secret(in path: String) throws(CommandFailure) -> PiSecret {
        guard let secret = SecretFile.parse(try read(path)) else {
            throw .identityNotFound(
                reason: "\(path) has no line secret='…' with 16 to 128 hexadecimal digits between the quotes",
                hint: "copy secret.py again from the folder that `provision new-pi` made")
        }
        return secret
    }

    private static func certificateAndKey(in path: String) throws(CommandFailure) -> ([Certificate], PrivateKey) {
        let pem = try read(path)
        let chain = try certificates(in: pem, path: path)
        let key: PrivateKey
        do throws(OpenSSLError) {
            key = try PrivateKey(pem: SecureBytes(copyOf: pem))
        } catch {
            throw broken(path, "\(error)")
        }
        guard chain[0].isPaired(with: key) else { throw broken(path, "its key does not belong to its certificate") }
        return (chain, key)
    }

    private static func certificates(in pem: [UInt8], path: String) throws(CommandFailure) -> [Certificate] {
        let certificates: [Certificate]
        do throws(OpenSSLError) {
            certificates = try Certificate.all(inPEM: pem)
        } catch {
            throw broken(path, "\(error)")
        }
        guard !certificates.isEmpty else { throw broken(path, "it holds no certificate") }
        return certificates
    }

    /// From the URI in the certificate, in the trust domain that a root states.
    private static func name(
        in certificate: Certificate, path: String, roots: [Certificate]
    ) throws(CommandFailure) -> PiName {
        let uris = certificate.subjectAlternativeNames.compactMap { if case .uri(let uri) = $0 { uri } else { nil } }
        guard uris.count == 1 else { throw broken(path, "its certificate has \(uris.count) URI names instead of one") }
        let names = roots.compactMap { LeafProfile.trustDomain(of: $0)?.piName(uri: uris[0]) }
        guard let name = names.first else {
            throw broken(
                path,
                "its certificate's name \(CommandOutput.oneLine(uris[0])) is not a Pi's in the trust domain of ca.pem")
        }
        return name
    }

    private static func read(_ path: String) throws(CommandFailure) -> [UInt8] {
        do throws(SystemCallError) { return try readFile(path, limit: mostBytes) } catch {
            guard error.code == EACCES else { throw .identityNotFound(reason: "\(error)") }
            throw .identityNotFound(
                reason: "\(error)", hint: "put sudo before the command, or run it as the user whom the file is for")
        }
    }

    private static func broken(_ path: String, _ reason: String) -> CommandFailure {
        .identityNotFound(
            reason: "\(path) cannot be used: \(reason)",
            hint: "copy secret.py, pi.pem and ca.pem again from the folder that `provision new-pi` made")
    }

    private static func othersCanRead(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & 0o007 != 0
    }
}
