import OpenSSL
import UploadProtocol

/// Where in the store an upload goes: names only, nothing is looked at.
struct Place: Sendable {
    let pi: PiName
    let path: UploadPath

    /// Of all stored versions but the newest; no upload's path can begin with a dot.
    static let versionsName = ".versions"

    /// Below the store's root.
    var folder: [String] { [pi.text] + path.segments.dropLast() }
    var name: String { path.name }
    var receiptName: String { Self.receiptName(of: name) }

    /// Of the earlier versions of this path, below the store's root.
    var versionsFolder: [String] { [pi.text, Self.versionsName] + path.segments }

    static func receiptName(of name: String) -> String { name + UploadPath.receiptSuffix }

    /// To compare and to hash by. Swift holds two spellings of one Unicode text for equal, a file system does not.
    var key: [UInt8] { Array("\(pi)/\(path)".utf8) }
}
