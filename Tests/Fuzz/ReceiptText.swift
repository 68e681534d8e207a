import UploadProtocol

/// A receipt's JSON: refused, or read as a receipt that reads the same once it is written again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzReceiptText(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    guard let receipt = try? Receipt(json: text) else { return 0 }
    let again = try? Receipt(json: receipt.json)
    precondition(again == receipt)
    if let path = try? UploadPath(plain: receipt.path) {
        precondition(path.description.utf8.elementsEqual(receipt.path.utf8))
    }
    return 0
}
