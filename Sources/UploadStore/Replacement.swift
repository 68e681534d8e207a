import OpenSSL
import UploadProtocol

/// The intent to give a name that is taken a new content: written before anything is touched, so that a start finishes
/// what a crash cut off.
///
/// The new content, its receipt and the intent lie side by side under one random identifier.
struct Replacement: Hashable, Sendable {
    let id: String
    let pi: PiName
    let path: UploadPath
    /// Of the new content.
    let digest: SHA256Digest

    static let intentSuffix = ".intent"

    var intentName: String { id + Self.intentSuffix }
    var contentName: String { "\(id).content" }
    var receiptName: String { "\(id).receipt" }

    /// All three, known even where the intent itself cannot be read.
    static func names(of id: String) -> [String] { ["\(id)\(intentSuffix)", "\(id).content", "\(id).receipt"] }

    var place: Place { Place(pi: pi, path: path) }

    private static let firstLine = "secure-upload replacement 1"

    /// No part can hold a newline.
    var contents: [UInt8] { Array("\(Self.firstLine)\n\(pi)\n\(path)\n\(digest)\n".utf8) }
}

extension Replacement {
    /// Reads what `contents` gave; `nil` for anything else.
    init?(parsing contents: [UInt8], id: String) {
        // By bytes: a combining mark at the start of a segment would hide the slash from a split by characters.
        let lines = contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.count == 5, lines[0].elementsEqual(Self.firstLine.utf8), lines[4].isEmpty,
            let pi = PiName(String(decoding: lines[1], as: UTF8.self)),
            let digest = SHA256Digest(hex: String(decoding: lines[3], as: UTF8.self)),
            let path = try? UploadPath(plain: String(decoding: lines[2], as: UTF8.self))
        else { return nil }
        self.init(id: id, pi: pi, path: path, digest: digest)
        // Bytes that are no UTF-8 would be read as another path, with replacement characters.
        guard self.contents == contents else { return nil }
    }
}
