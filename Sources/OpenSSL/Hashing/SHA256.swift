import COpenSSL

/// The 32 bytes of a SHA-256.
package struct SHA256Digest: Hashable, Sendable, CustomStringConvertible {
    package static let byteCount = 32

    package let bytes: [UInt8]

    /// `nil` unless there are exactly 32 bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = Array(bytes)
    }

    /// `nil` unless there are exactly 64 lower-case hexadecimal digits.
    package init?(hex: some StringProtocol) {
        guard let bytes = decodeHex(hex) else { return nil }
        self.init(bytes)
    }

    fileprivate init(exactly bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// 64 lower-case hexadecimal digits.
    package var hex: String { encodeHex(bytes) }

    package var description: String { hex }

    /// The digest of no bytes at all.
    package static let ofNothing = SHA256.digest(of: [])
}

/// A SHA-256 that takes its input piece by piece.
package struct SHA256: ~Copyable, Sendable {
    // It has one owner and is bound to no thread, so it may go from one to another.
    private nonisolated(unsafe) let context: OpaquePointer  // EVP_MD_CTX *

    // Fetched once: EVP_sha256() looks the implementation up anew at each use in OpenSSL 3.
    private nonisolated(unsafe) static let algorithm: OpaquePointer? = EVP_MD_fetch(nil, "SHA256", nil)  // EVP_MD *

    package init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex2(context, Self.algorithm, nil) == 1 else {
            preconditionFailure("\(OpenSSLError.fromQueue("setting up SHA-256"))")
        }
        self.context = context
    }

    private init(takingOwnershipOf context: OpaquePointer) {
        self.context = context
    }

    deinit {
        EVP_MD_CTX_free(context)
    }

    /// Another one that has taken the same input so far.
    package borrowing func copy() -> SHA256 {
        guard let copied = EVP_MD_CTX_new(), EVP_MD_CTX_copy_ex(copied, context) == 1 else {
            preconditionFailure("\(OpenSSLError.fromQueue("copying a SHA-256"))")
        }
        return SHA256(takingOwnershipOf: copied)
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        let result = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        precondition(result == 1, "SHA-256 takes any bytes")
    }

    package consuming func finish() -> SHA256Digest {
        var digest = [UInt8](repeating: 0, count: SHA256Digest.byteCount)
        let result = EVP_DigestFinal_ex(context, &digest, nil)
        precondition(result == 1, "SHA-256 ends once")
        return SHA256Digest(exactly: digest)
    }

    package static func digest(of bytes: some Collection<UInt8>) -> SHA256Digest {
        var hash = SHA256()
        if bytes.withContiguousStorageIfAvailable({ hash.update(UnsafeRawBufferPointer($0)) }) == nil {
            Array(bytes).withUnsafeBytes { hash.update($0) }
        }
        return hash.finish()
    }
}
