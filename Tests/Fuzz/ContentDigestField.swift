import MessageSignatures
import OpenSSL

@testable import SecureReceiver

/// `Content-Digest`: a digest that is found reads the same once it is written again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzContentDigest(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let value = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    guard let digest = ContentDigestField.sha256(value) else { return 0 }
    precondition(ContentDigestField.sha256(ContentDigest.fieldValue(digest)) == digest)
    return 0
}
