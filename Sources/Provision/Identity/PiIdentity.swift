import CertificateAuthority
import Files
import OpenSSL
import UploadProtocol

/// All that makes one Pi.
struct PiIdentity {
    let name: PiName
    var secret: PiSecret
    var key: PrivateKey
    var certificate: Certificate

    static let secretFile = "secret.py"
    static let certificateFile = "pi.pem"
    static let rootsFile = "ca.pem"
    static let files = [secretFile, certificateFile, rootsFile]
}

extension PiIdentity {
    init(name: PiName, secret: PiSecret, authority: CertificateAuthority, validity: Validity) throws {
        let key = try PrivateKey()
        self.init(
            name: name, secret: secret, key: key,
            certificate: try authority.certificate(for: key, pi: name, validity: validity))
    }

    /// The identity that is kept in the folder `folder` for `name`; a failure says which file is missing or broken.
    init(reading folder: String, name: PiName) throws {
        try self.init(name: name, in: folder) { try readFile($0, limit: 1 << 20) }
    }

    /// `read` is given the path of each file in `folder`.
    init(name: PiName, in folder: String, read: (String) throws -> [UInt8]) throws {
        let secretPath = "\(folder)/\(Self.secretFile)"
        guard let secret = SecretFile.parse(try read(secretPath)) else {
            throw Self.failure(secretPath, "there is no line secret='…' of hexadecimal digits in it", name)
        }
        let path = "\(folder)/\(Self.certificateFile)"
        let text = try read(path)
        guard let certificate = try? Certificate.all(inPEM: text).first else {
            throw Self.failure(path, "there is no certificate in PEM in it", name)
        }
        guard let key = try? PrivateKey(pem: SecureBytes(copyOf: text)) else {
            throw Self.failure(path, "there is no private key in PEM in it", name)
        }
        guard certificate.isPaired(with: key) else {
            throw Self.failure(path, "its key belongs to another certificate", name)
        }
        self.init(name: name, secret: secret, key: key, certificate: certificate)
    }

    private static func failure(_ path: String, _ reason: String, _ name: PiName) -> UnusableFile {
        UnusableFile(
            path: path, reason: reason, hint: "put it back from your copy or from the Pi's own folder \(name)/")
    }

    /// Whether the certificate is one of that name, whoever signed it.
    var isOwn: Bool {
        let names = certificate.subjectAlternativeNames
        guard names.count == 1, case .uri(let uri) = names[0] else { return false }
        return uri.hasSuffix("/pi/\(name)")
    }

    /// Writes the folder that the Pi gets, and its tar beside it, in `parent`. `roots`: the receiver's certificate must
    /// come from one of them. `isDurable`: as for `writeNewFile`.
    func write(in parent: String, roots: [UInt8], isDurable: Bool) throws {
        let folder = "\(parent)/\(name)"
        try makeFolder(folder, mode: 0o700, isDurable: isDurable)
        let contents = [
            (name: Self.secretFile, bytes: SecretFile.contents(secret).withUnsafeBytes(Array.init)),
            (Self.certificateFile, Array(try certificate.pem.utf8) + (try key.pem().withUnsafeBytes(Array.init))),
            (Self.rootsFile, roots),
        ]
        for (file, bytes) in contents {
            try writeNewFile("\(folder)/\(file)", bytes, mode: 0o600, isDurable: isDurable)
        }
        // Not the time of day: so the same identity always makes the same tar.
        let time = certificate.notBefore.map { Validity.made(notBefore: $0) } ?? 0
        let tar = Tarball.pack(name, contents, time: time)
        try writeNewFile("\(folder).tar.gz", tar, mode: 0o600, isDurable: isDurable)
    }
}
