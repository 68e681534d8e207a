import MessageSignatures
package import OpenSSL

/// The file beside a stored or sent file: what `sha256sum -c` checks, and in comment lines the whole receipt.
package struct ReceiptFile: Hashable, Sendable {
    /// Of the file beside.
    package let digest: SHA256Digest
    /// The name of the file beside, without its folder.
    package let name: String
    /// The comment lines, from `#` to before the newline.
    package let comments: [String]

    /// More than any has: a file of more is none.
    package static let mostBytes = 64 << 10

    package static let firstComment = "# secure-upload receipt 1"
    private static let noReceipt = "# no receipt: this file was not uploaded"

    /// Whether it says so of itself; see `init(withoutReceiptFor:name:)`.
    package var isWithoutReceipt: Bool { comments == [Self.noReceipt] }

    package init(_ receipt: SignedReceipt, digest: SHA256Digest, name: String) {
        self.digest = digest
        self.name = name
        var comments = [
            Self.firstComment, "# certificate \(receipt.certificate.hex)", "# json \(receipt.json)",
        ]
        comments += receipt.base.lines.map { "# base \($0)" }
        comments.append("# signature \(ByteSequence.serialize(receipt.signature))")
        self.comments = comments
    }

    /// For a file that came by another way than an upload: what `sha256sum -c` checks, and no receipt.
    package init(withoutReceiptFor digest: SHA256Digest, name: String) {
        self.init(digest: digest, name: name, comments: [Self.noReceipt])
    }

    private init(digest: SHA256Digest, name: String, comments: [String]) {
        self.digest = digest
        self.name = name
        self.comments = comments
    }

    /// The same receipt for the same bytes under another name.
    package func renamed(to name: String) -> ReceiptFile {
        ReceiptFile(digest: digest, name: name, comments: comments)
    }

    package var contents: [UInt8] {
        // coreutils marks a name that it had to escape by a backslash at the start of the line. By bytes: a combining mark
        // behind it makes another character of a backslash.
        let escaped = name.utf8.flatMap { $0 == backslash ? [backslash, backslash] : [$0] }
        var contents = Array((comments + [""]).joined(separator: "\n").utf8)
        if escaped.count > name.utf8.count { contents.append(backslash) }
        contents += Array("\(digest.hex)  ./".utf8) + escaped
        contents.append(UInt8(ascii: "\n"))
        return contents
    }

    /// The digest that a receipt file states; `nil` if it states none in the form that `contents` gives.
    package static func digest(in contents: [UInt8]) -> SHA256Digest? {
        let lines = contents.split(separator: UInt8(ascii: "\n"))
        guard let line = lines.first(where: { $0.first != UInt8(ascii: "#") }) else { return nil }
        let stated = line.first == backslash ? line.dropFirst() : line
        return SHA256Digest(hex: String(decoding: stated.prefix(digestCount), as: UTF8.self))
    }

    /// Reads what `contents` gave; `nil` for anything else.
    package init?(parsing contents: [UInt8]) {
        let lines = contents.split(separator: UInt8(ascii: "\n"))
        guard let digest = Self.digest(in: contents), let last = lines.last,
            lines.dropLast().allSatisfy({ $0.first == UInt8(ascii: "#") })
        else { return nil }
        let file = ReceiptFile(
            digest: digest, name: String(decoding: unescapedName(in: last), as: UTF8.self),
            comments: lines.dropLast().map { String(decoding: $0, as: UTF8.self) })
        guard file.contents == contents else { return nil }
        self = file
    }

    /// `nil` also if it is the receipt file of another name.
    package init?(parsing contents: [UInt8], name: String) {
        guard let file = ReceiptFile(parsing: contents), file.name.utf8.elementsEqual(name.utf8) else { return nil }
        self = file
    }
}

private let backslash = UInt8(ascii: "\\")
/// Hexadecimal digits.
private let digestCount = SHA256Digest.byteCount * 2

/// Of a line for `sha256sum`, in which a leading backslash says that each backslash of the name is doubled.
private func unescapedName(in line: ArraySlice<UInt8>) -> [UInt8] {
    let isEscaped = line.first == backslash
    var name: [UInt8] = []
    var rest = line.dropFirst((isEscaped ? 1 : 0) + digestCount + "  ./".utf8.count)
    while let byte = rest.popFirst() {
        name.append(isEscaped && byte == backslash ? rest.popFirst() ?? byte : byte)
    }
    return name
}
