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

    /// The first private key in a PEM text. A key that wants a passphrase is refused instead of asked for.
    package convenience init(pem: SecureBytes) throws(OpenSSLError) {
        let key = try pem.withBIO { (bio) throws(OpenSSLError) in
            try unwrap(PEM_read_bio_PrivateKey(bio, nil, noPassphrase, nil), "reading the private key")
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
private func noPassphrase(
    _: UnsafeMutablePointer<CChar>?, _: Int32, _: Int32, _: UnsafeMutableRawPointer?
) -> Int32 { -1 }
