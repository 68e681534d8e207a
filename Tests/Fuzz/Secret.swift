import OpenSSL
import UploadProtocol

/// `secret.py`: either there is no secret in it, or one that reads the same once it is written again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSecret(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let secret = SecretFile.parse(Array(UnsafeBufferPointer(start: start, count: count))) else { return 0 }
    precondition(PiSecret.digitCounts.contains(secret.key.count))
    let again = SecretFile.contents(secret).withUnsafeBytes { SecretFile.parse(Array($0)) }
    precondition(again == secret)
    return 0
}
