import COpenSSL

/// A private key; ours are ECDSA on P-256.
package final class PrivateKey: Sendable {
    private nonisolated(unsafe) let pointer: OpaquePointer  // EVP_PKEY *

    init(takingOwnershipOf pointer: OpaquePointer) {
        self.pointer = pointer
    }

    /// A new P-256 key.
    package convenience init() throws(OpenSSLError) {
        self.init(takingOwnershipOf: try unwrap(shim_generate_P256(), "making a P-256 key"))
    }

    /// The first private key in a PEM text. A key that wants a passphrase is refused without one, instead of asked for.
    package convenience init(pem: SecureBytes, passphrase: SecureBytes? = nil) throws(OpenSSLError) {
        let key = try pem.withBIO { (bio) throws(OpenSSLError) in
            try withExtendedLifetime(passphrase) { () throws(OpenSSLError) in
                try unwrap(
                    PEM_read_bio_PrivateKey(
                        bio, nil, givePassphrase, passphrase.map { Unmanaged.passUnretained($0).toOpaque() }),
                    "reading the private key")
            }
        }
        self.init(takingOwnershipOf: key)
    }

    deinit {
        EVP_PKEY_free(pointer)
    }

    func withPointer<Result, Failure: Error>(_ body: (OpaquePointer) throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        try body(pointer)
    }

    /// PKCS #8 in PEM, unencrypted.
    package func pem() throws(OpenSSLError) -> SecureBytes {
        try withOutputBIO { (bio) throws(OpenSSLError) in
            try check(PEM_write_bio_PKCS8PrivateKey(bio, pointer, nil, nil, 0, nil, nil), "writing the private key")
        }
    }

    /// PKCS #8 in PEM, encrypted: AES-256, the key derived by PBKDF2 (HMAC-SHA256, 600,000 rounds; RFC 8018, section 6.2).
    package func pem(passphrase: SecureBytes) throws(OpenSSLError) -> SecureBytes {
        let plain = try unwrap(EVP_PKEY2PKCS8(pointer), "encrypting the private key")
        defer { PKCS8_PRIV_KEY_INFO_free(plain) }
        // PEM_write_bio_PKCS8PrivateKey would take 2,048 rounds, which a guesser passes in no time.
        let encrypted = try passphrase.withUnsafeBytes { (bytes) throws(OpenSSLError) in
            try unwrap(
                PKCS8_encrypt(
                    -1, EVP_aes_256_cbc(), bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count),
                    nil, 0, 600_000, plain),
                "encrypting the private key")
        }
        defer { X509_SIG_free(encrypted) }
        return try withOutputBIO { (bio) throws(OpenSSLError) in
            try check(PEM_write_bio_PKCS8(bio, encrypted), "writing the private key")
        }
    }

    /// Whether the first private key in a PEM text wants a passphrase (RFC 7468, section 11; RFC 1421 for older ones).
    package static func isEncrypted(pem: [UInt8]) -> Bool {
        let text = String(decoding: pem, as: UTF8.self)
        return text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED")
    }

    /// An ECDSA signature with SHA-256 in the form of RFC 9421, section 3.3.4: r and s, 32 bytes each.
    package func signature(for message: [UInt8]) throws(OpenSSLError) -> [UInt8] {
        let context = try unwrap(EVP_MD_CTX_new(), "signing")
        defer { EVP_MD_CTX_free(context) }
        try check(EVP_DigestSignInit_ex(context, nil, "SHA256", nil, nil, pointer, nil), "signing")
        var der = [UInt8](repeating: 0, count: Int(EVP_PKEY_get_size(pointer)))
        var count = der.count
        try check(EVP_DigestSign(context, &der, &count, message, message.count), "signing")
        return try ECDSASignature(der: der[..<count]).raw
    }
}

extension PrivateKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<private key>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

// Without a callback OpenSSL would ask for a passphrase on the terminal.
private func givePassphrase(
    buffer: UnsafeMutablePointer<CChar>?, size: Int32, _: Int32, passphrase: UnsafeMutableRawPointer?
) -> Int32 {
    guard let passphrase, let buffer else { return -1 }
    return Unmanaged<SecureBytes>.fromOpaque(passphrase).takeUnretainedValue().withUnsafeBytes { bytes in
        guard bytes.count <= Int(size) else { return -1 }
        UnsafeMutableRawBufferPointer(start: buffer, count: Int(size)).copyMemory(from: bytes)
        return Int32(bytes.count)
    }
}
