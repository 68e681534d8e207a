import CommandSupport
import Files
import Glibc
import OpenSSL
import UploadProtocol

/// Enough for any key, chain and set of roots.
private let mostBytes = 64 << 10

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
    /// Its files, which must never be sent. They are held open: the inode of one that is removed would be the next file's, that
    /// of a station perhaps.
    let files: [Fingerprint]
    private let heldFiles: [FileDescriptor]

    /// When the bundle was made, in seconds since 1970: no time of today is earlier.
    var made: Int64 { (certificateChain[0].notBefore ?? 0) + LeafProfile.headStart }

    init(readingFrom folder: IdentityFolder) throws(CommandFailure) {
        let secretFile = try Contents(of: folder.path(of: IdentityFolder.secretFile))
        let certificateFile = try Contents(of: folder.path(of: IdentityFolder.certificateFile))
        let rootsFile = try Contents(of: folder.path(of: IdentityFolder.rootsFile))
        secret = try Self.secret(in: secretFile)
        (certificateChain, privateKey) = try Self.certificateAndKey(in: certificateFile)
        trustRoots = try Self.certificates(in: rootsFile)
        name = try Self.name(in: certificateChain[0], path: certificateFile.path, roots: trustRoots)
        readableByAll = [secretFile, certificateFile].filter(\.isReadableByAll).map(\.path)
        let all = [secretFile, certificateFile, rootsFile]
        files = all.map(\.fingerprint)
        heldFiles = all.map(\.file)
    }

    private struct Contents {
        let file: FileDescriptor
        let fingerprint: Fingerprint
        let isReadableByAll: Bool
        let bytes: [UInt8]

        var path: String { file.path }

        init(of path: String) throws(CommandFailure) {
            do throws(SystemCallError) {
                // O_NONBLOCK: a FIFO of that name must not hold us up.
                file = try FileDescriptor(opening: path, O_RDONLY | O_NONBLOCK)
                let status = try file.status()
                (fingerprint, isReadableByAll) = (Fingerprint(status), status.st_mode & 0o007 != 0)
                bytes = try readAll(file, limit: mostBytes)
            } catch {
                guard error.code == EACCES else { throw .identityNotFound(reason: "\(error)") }
                throw .identityNotFound(
                    reason: "\(error)", hint: "put sudo before the command, or run it as the user whom the file is for")
            }
        }
    }

    private static func secret(in file: Contents) throws(CommandFailure) -> PiSecret {
        guard let secret = SecretFile.parse(file.bytes) else {
            throw .identityNotFound(
                reason: "\(file.path) has no line secret='…' with 16 to 128 hexadecimal digits between the quotes",
                hint: "copy secret.py again from the folder that `provision new-pi` made")
        }
        return secret
    }

    private static func certificateAndKey(in file: Contents) throws(CommandFailure) -> ([Certificate], PrivateKey) {
        let chain = try certificates(in: file)
        let key: PrivateKey
        do throws(OpenSSLError) {
            key = try PrivateKey(pem: SecureBytes(copyOf: file.bytes))
        } catch {
            throw broken(file.path, "\(error)")
        }
        guard chain[0].isPaired(with: key) else {
            throw broken(file.path, "its key does not belong to its certificate")
        }
        return (chain, key)
    }

    private static func certificates(in file: Contents) throws(CommandFailure) -> [Certificate] {
        let certificates: [Certificate]
        do throws(OpenSSLError) {
            certificates = try Certificate.all(inPEM: file.bytes)
        } catch {
            throw broken(file.path, "\(error)")
        }
        guard !certificates.isEmpty else { throw broken(file.path, "it holds no certificate") }
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

    private static func broken(_ path: String, _ reason: String) -> CommandFailure {
        .identityNotFound(
            reason: "\(path) cannot be used: \(reason)",
            hint: "copy secret.py, pi.pem and ca.pem again from the folder that `provision new-pi` made")
    }
}
