import FoundationEssentials
import MessageSignatures
import OpenSSL
import UploadProtocol

/// A receipt file, as `secure-receiver verify` reads it. What is read writes itself again byte for byte; and no bytes but
/// those of the example in docs/protocol.md verify with its certificate.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzReceiptFile(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let contents = Array(UnsafeBufferPointer(start: start, count: count))
    let stated = ReceiptFile.digest(in: contents)
    guard let file = ReceiptFile(parsing: contents) else { return 0 }
    precondition(file.contents == contents && file.digest == stated)
    precondition(ReceiptFile(parsing: contents, name: file.name) == file)
    precondition(ReceiptFile(parsing: file.renamed(to: "a\\b").contents)?.name == "a\\b")
    guard let unverified = UnverifiedReceipt(file) else { return 0 }
    precondition(!file.isWithoutReceipt)
    if let receipt = unverified.statement, let path = try? UploadPath(plain: receipt.path) {
        precondition(path.description.utf8.elementsEqual(receipt.path.utf8))
    }
    guard let signed = try? SignedReceipt(verifying: unverified, certificate: example.certificate) else { return 0 }
    precondition(ReceiptFile(signed, digest: file.digest, name: file.name).contents == contents)
    precondition(example.text.contains("\n\(signed.json)\n") && example.text.contains("\n\(signed.base.text)\n"))
    return 0
}

private let example: (certificate: Certificate, text: String) = {
    guard let page = FileManager.default.contents(atPath: "docs/protocol.md"),
        let certificate = try? Certificate.all(inPEM: Array(page)).first
    else { preconditionFailure("docs/protocol.md holds the certificate of its example") }
    return (certificate, String(decoding: page, as: UTF8.self))
}()
