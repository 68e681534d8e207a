import COpenSSL

/// HMAC with SHA-256 (RFC 2104, RFC 6234).
package enum HMACSHA256 {
    package static func authenticationCode(for message: some Collection<UInt8>, key: SecureBytes) -> [UInt8] {
        let message = Array(message)
        var code = [UInt8](repeating: 0, count: SHA256Digest.byteCount)
        let result = key.withUnsafeBytes { key in
            HMAC(EVP_sha256(), key.baseAddress, Int32(key.count), message, message.count, &code, nil)
        }
        precondition(result != nil, "HMAC takes any key and any message")
        return code
    }

    /// Compares in constant time.
    package static func isValid(_ code: [UInt8], for message: some Collection<UInt8>, key: SecureBytes) -> Bool {
        let expected = authenticationCode(for: message, key: key)
        return expected.withUnsafeBytes { expected in code.withUnsafeBytes { constantTimeEqual(expected, $0) } }
    }
}
