import HTTPTypes
import MessageSignatures
import UploadProtocol

@testable import SecureReceiver

/// `Signature-Input` and, behind a line feed, `Signature`: whatever is taken out of them reads the same once it is written
/// again, because what is signed is that writing (RFC 9421, section 2.5).
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSignatureInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    let values = text.split(separator: "\n", maxSplits: 1).map(String.init)
    guard values.count == 2, let signature = try? RequestSignature(fields(values[0], values[1])) else { return 0 }
    precondition(signature.parameters.keyID == signature.keyID)
    precondition(signature.parameters.created == signature.created)

    let again = try? RequestSignature(fields("again=\(signature.parameters.serialized)", "again=:AA==:"))
    precondition(again?.parameters == signature.parameters)
    return 0
}

private func fields(_ input: String, _ signature: String) -> HTTPFields {
    [HTTPField.Name("Signature-Input")!: input, HTTPField.Name("Signature")!: signature]
}
