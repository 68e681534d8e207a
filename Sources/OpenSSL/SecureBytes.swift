import COpenSSL

/// Secret bytes: zeroed when the last owner lets go, compared in constant time, never printed.
package final class SecureBytes: Sendable {
    private nonisolated(unsafe) let storage: UnsafeMutableRawBufferPointer

    package init(copyOf bytes: some Collection<UInt8>) {
        storage = .allocate(byteCount: bytes.count, alignment: 1)
        storage.copyBytes(from: bytes)
    }

    /// `count` bytes from the system's random source (RAND_priv_bytes(3)).
    package init(randomCount count: Int) throws(OpenSSLError) {
        storage = .allocate(byteCount: count, alignment: 1)
        try check(
            RAND_priv_bytes(storage.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(count)),
            "drawing random bytes")
    }

    deinit {
        OPENSSL_cleanse(storage.baseAddress, storage.count)
        storage.deallocate()
    }

    package var count: Int { storage.count }

    package func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(storage))
    }
}

extension SecureBytes: Equatable {
    package static func == (left: SecureBytes, right: SecureBytes) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { right in constantTimeEqual(left, right) } }
    }
}

extension SecureBytes: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<secret>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Whether both hold the same bytes, in a time that depends on their lengths alone (CRYPTO_memcmp(3)).
package func constantTimeEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    left.count == right.count && (left.isEmpty || CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0)
}

/// Random bytes that need not stay secret: serial numbers, names of temporary files.
package func randomBytes(count: Int) throws(OpenSSLError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try check(RAND_bytes(&bytes, Int32(count)), "drawing random bytes")
    return bytes
}
