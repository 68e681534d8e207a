import CertificateAuthority
import Files
import OpenSSL
import UploadProtocol

/// All that makes one Pi.
struct PiIdentity {
    let name: PiName
    let secret: PiSecret
    let key: PrivateKey
    let certificate: Certificate

    init(
        name: PiName, secret: PiSecret, authority: CertificateAuthority, validity: Validity
    ) throws {
        self.name = name
        self.secret = secret
        key = try PrivateKey()
        certificate = try authority.certificate(for: key, pi: name, validity: validity)
    }

    static let secretFile = "secret.py"
    static let certificateFile = "pi.pem"
    static let rootsFile = "ca.pem"
    static let files = [secretFile, certificateFile, rootsFile]

    /// Writes the folder that the Pi gets, in `parent`. `roots`: the receiver's certificate must come from one of them.
    func write(in parent: String, roots: [UInt8]) throws {
        let folder = "\(parent)/\(name)"
        try makeFolder(folder, mode: 0o700)
        try writeNewFile(
            "\(folder)/\(Self.secretFile)", SecretFile.contents(secret).withUnsafeBytes(Array.init), mode: 0o600)
        try writeNewFile(
            "\(folder)/\(Self.certificateFile)",
            Array(try certificate.pem.utf8) + key.pem().withUnsafeBytes(Array.init), mode: 0o600)
        try writeNewFile("\(folder)/\(Self.rootsFile)", roots, mode: 0o600)
    }
}

/// A new secret that `identifiers` does not hold yet. The default draws 64 bits.
func uniqueSecret(
    in identifiers: IdentifierFile, draw: () throws -> PiSecret = { try PiSecret() }
) throws -> PiSecret {
    while true {
        let secret = try draw()
        if !identifiers.contains(secret) { return secret }
    }
}
