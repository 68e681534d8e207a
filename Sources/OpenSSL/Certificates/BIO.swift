import COpenSSL

extension SecureBytes {
    /// Lends the bytes as a read-only memory BIO.
    func withBIO<Result>(_ body: (OpaquePointer) throws(OpenSSLError) -> Result) throws(OpenSSLError) -> Result {
        let bio = try withUnsafeBytes { (bytes) throws(OpenSSLError) in
            try unwrap(BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)), "reading from memory")
        }
        defer { BIO_free(bio) }
        return try body(bio)
    }
}

/// Collects what `body` writes into a memory BIO, and leaves no copy of it behind.
func withOutputBIO(_ body: (OpaquePointer) throws(OpenSSLError) -> Void) throws(OpenSSLError) -> SecureBytes {
    // "secmem" zeroes its buffer when it is freed (BIO_s_secmem(3)).
    let bio = try unwrap(BIO_new(BIO_s_secmem()), "writing to memory")
    defer { BIO_free(bio) }
    try body(bio)
    var bytes = [UInt8](repeating: 0, count: shim_BIO_pending(bio))
    defer { OPENSSL_cleanse(&bytes, bytes.count) }
    let count = BIO_read(bio, &bytes, Int32(bytes.count))
    guard Int(count) == bytes.count else { throw OpenSSLError.fromQueue("writing to memory") }
    return SecureBytes(copyOf: bytes)
}
