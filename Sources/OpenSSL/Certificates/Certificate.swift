import COpenSSL

/// An X.509 certificate, immutable.
package final class Certificate: Sendable {
    private nonisolated(unsafe) let pointer: OpaquePointer  // X509 *

    init(takingOwnershipOf pointer: OpaquePointer) {
        self.pointer = pointer
    }

    convenience init(borrowing pointer: OpaquePointer) {
        X509_up_ref(pointer)
        self.init(takingOwnershipOf: pointer)
    }

    deinit {
        X509_free(pointer)
    }

    func withPointer<Result, Failure: Error>(_ body: (OpaquePointer) throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        try body(pointer)
    }

    /// Every certificate in a PEM text, in its order; empty if there is none. Other PEM blocks are passed over.
    package static func all(inPEM pem: [UInt8]) throws(OpenSSLError) -> [Certificate] {
        try SecureBytes(copyOf: pem).withBIO { (bio) throws(OpenSSLError) in
            var certificates: [Certificate] = []
            while let pointer = PEM_read_bio_X509(bio, nil, nil, nil) {
                certificates.append(Certificate(takingOwnershipOf: pointer))
            }
            let code = ERR_peek_last_error()
            guard ERR_GET_REASON(code) == PEM_R_NO_START_LINE else {
                throw OpenSSLError.fromQueue("reading certificate \(certificates.count + 1)")
            }
            ERR_clear_error()
            return certificates
        }
    }

    package var pem: String {
        get throws(OpenSSLError) {
            let bytes = try withOutputBIO { (bio) throws(OpenSSLError) in
                try check(PEM_write_bio_X509(bio, pointer), "writing the certificate")
            }
            return bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// SHA-256 of the DER encoding.
    package var fingerprint: SHA256Digest {
        var bytes = [UInt8](repeating: 0, count: SHA256Digest.byteCount)
        let result = X509_digest(pointer, EVP_sha256(), &bytes, nil)
        precondition(result == 1, "a parsed certificate has an encoding")
        guard let digest = SHA256Digest(bytes) else { preconditionFailure("SHA-256 has 32 bytes") }
        return digest
    }

    package func isPaired(with key: PrivateKey) -> Bool {
        defer { ERR_clear_error() }
        return key.withPointer { X509_check_private_key(pointer, $0) } == 1
    }

    /// Whether the key of `issuer` signed this certificate; nothing else of the two is looked at.
    package func isSigned(by issuer: Certificate) -> Bool {
        defer { ERR_clear_error() }
        guard let key = issuer.withPointer({ X509_get0_pubkey($0) }) else { return false }
        return X509_verify(pointer, key) == 1
    }

    /// Whether `signature` (r‖s, RFC 9421 section 3.3.4) is this certificate's key's ECDSA with SHA-256 over `message`.
    package func isValidSignature(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        defer { ERR_clear_error() }
        guard let der = ECDSASignature(raw: signature)?.der, let key = X509_get0_pubkey(pointer),
            EVP_PKEY_get_base_id(key) == EVP_PKEY_EC, let context = EVP_MD_CTX_new()
        else { return false }
        defer { EVP_MD_CTX_free(context) }
        return EVP_DigestVerifyInit_ex(context, nil, "SHA256", nil, nil, key, nil) == 1
            && EVP_DigestVerify(context, der, der.count, message, message.count) == 1
    }
}
