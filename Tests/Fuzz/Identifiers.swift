import OpenSSL
import UploadProtocol

/// `ids.txt`, as the receiver reads it and as provision does, which must agree: whatever is in the file, either it is
/// refused or every line of it is understood in the same way, and written again byte for byte.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzIdentifiers(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = Array(UnsafeBufferPointer(start: start, count: count))
    guard let list = try? IdentifierList(parsing: text) else { return 0 }
    precondition(list.bare.count <= IdentifierList.mostBareSecrets)
    for secret in list.bare + list.named.values.joined() { expectWellFormed(secret) }
    for (name, secrets) in list.named {
        precondition(PiName(name.text) == name && !secrets.isEmpty)
        precondition(list.secrets(for: name) == secrets)
    }

    let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]
    let body = text.starts(with: byteOrderMark) ? text[3...] : text[...]
    let lines = IdentifierFileLine.all(in: body)
    precondition(lines.flatMap(\.bytes).elementsEqual(body))
    let active = lines.compactMap { if case .active(let entry) = $0.meaning { entry } else { nil } }
    precondition(active.filter { $0.name == nil }.map(\.secret) == list.bare)
    for (name, secrets) in list.named {
        precondition(active.filter { $0.name == name }.map(\.secret) == secrets)
    }
    return 0
}

private func expectWellFormed(_ secret: PiSecret) {
    secret.key.withUnsafeBytes { digits in
        precondition(PiSecret.digitCounts.contains(digits.count))
        precondition(digits.allSatisfy { Array("0123456789abcdef".utf8).contains($0) })
    }
}
