import NIOCore
import OpenSSL

extension TLSConnection {
    /// RFC 8446, section 5.1.
    static let mostPlaintextOfRecord = 16 * 1024

    func receive(_ ciphertext: inout ByteBuffer) {
        ciphertext.readWithUnsafeReadableBytes { bytes in
            receive(bytes)
            return bytes.count
        }
    }

    func write(_ plaintext: ByteBuffer) throws(TLSError) {
        let result: Result<Void, TLSError> = plaintext.withUnsafeReadableBytes { bytes in
            do throws(TLSError) { return .success(try write(bytes)) } catch { return .failure(error) }
        }
        try result.get()
    }
}
