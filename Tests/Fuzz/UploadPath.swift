import Glibc
import UploadProtocol

/// The path of a request: whatever is accepted names one file beneath the Pi's folder, and nothing that the receiver keeps
/// there for itself.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzUploadPath(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    guard let path = try? UploadPath(percentEncoded: text) else { return 0 }
    precondition((1...16).contains(path.segments.count))
    for segment in path.segments {
        let bytes = Array(segment.utf8)
        precondition((1...240).contains(bytes.count) && bytes[0] != UInt8(ascii: "."))
        precondition(!bytes.contains(UInt8(ascii: "/")) && !bytes.contains { $0 < 0x20 || $0 == 0x7f })
        precondition(!bytes.reversed().starts(with: ".sha256".utf8.reversed()))
    }
    precondition((try? UploadPath(percentEncoded: path.percentEncoded)) == path)
    return 0
}
