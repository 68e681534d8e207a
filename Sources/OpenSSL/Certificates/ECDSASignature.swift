import COpenSSL

/// A P-256 signature between its two encodings: the DER of OpenSSL and the raw r‖s of RFC 9421, section 3.3.4.
struct ECDSASignature {
    static let rawByteCount = 64

    let raw: [UInt8]

    init(der: some Collection<UInt8>) throws(OpenSSLError) {
        let der = Array(der)
        // Nothing is thrown inside: Swift 6.0's Array cannot pass on a typed error.
        let parsed = der.withUnsafeBufferPointer { buffer in
            var cursor = buffer.baseAddress
            return d2i_ECDSA_SIG(nil, &cursor, buffer.count)
        }
        let signature = try unwrap(parsed, "reading the signature")
        defer { ECDSA_SIG_free(signature) }
        var raw = [UInt8](repeating: 0, count: Self.rawByteCount)
        let written = raw.withUnsafeMutableBufferPointer { buffer in
            BN_bn2binpad(ECDSA_SIG_get0_r(signature), buffer.baseAddress, 32) == 32
                && BN_bn2binpad(ECDSA_SIG_get0_s(signature), buffer.baseAddress?.advanced(by: 32), 32) == 32
        }
        guard written else { throw OpenSSLError.fromQueue("reading a signature that is not of P-256") }
        self.raw = raw
    }

    /// `nil` unless there are exactly 64 bytes.
    init?(raw: [UInt8]) {
        guard raw.count == Self.rawByteCount else { return nil }
        self.raw = raw
    }

    var der: [UInt8]? {
        guard let signature = ECDSA_SIG_new() else { return nil }
        defer { ECDSA_SIG_free(signature) }
        let r = BN_bin2bn(Array(raw[..<32]), 32, nil)
        let s = BN_bin2bn(Array(raw[32...]), 32, nil)
        guard ECDSA_SIG_set0(signature, r, s) == 1 else {
            BN_free(r)
            BN_free(s)
            return nil
        }
        var output: UnsafeMutablePointer<UInt8>?
        let count = i2d_ECDSA_SIG(signature, &output)
        guard count > 0, let output else { return nil }
        defer { shim_OPENSSL_free(output) }
        return Array(UnsafeBufferPointer(start: output, count: Int(count)))
    }
}
