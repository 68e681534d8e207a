import Files
import Glibc
import UploadProtocol

/// A stored file and its receipt, of which one or both may be missing.
struct Pair {
    let folder: WalkedFolder
    /// The file's.
    let name: String
    /// Whether the walk came by the receipt.
    let isNamedByReceipt: Bool

    init(_ name: String, in folder: WalkedFolder) {
        self.folder = folder
        isNamedByReceipt = UploadPath.isReceiptName(name)
        self.name =
            isNamedByReceipt ? String(Substring(name.utf8.dropLast(UploadPath.receiptSuffix.utf8.count))) : name
    }

    var receiptName: String { Place.receiptName(of: name) }
    /// From the store's root.
    var path: String { folder.path(of: name) }
    var receiptPath: String { folder.path(of: receiptName) }
    var isForeign: Bool { folder.region == .foreign }

    enum Held {
        case none
        case file(StoredFile)
        /// A link, a folder, a device.
        case other
    }

    func content() throws(SystemCallError) -> Held { try held(name) }
    func receipt() throws(SystemCallError) -> Held { try held(receiptName) }

    private func held(_ name: String) throws(SystemCallError) -> Held {
        do throws(StoreError) {
            return try StoredFile(name, in: folder.directory).map { .file($0) } ?? .none
        } catch {
            switch error {
            // What cannot have a receipt's name has no receipt.
            case .failed(let failure) where failure.code == ENAMETOOLONG: return .none
            case .failed(let failure): throw failure
            default: return .other
            }
        }
    }
}

extension Pair {
    /// What changes when another file takes a name, or a file is written to.
    struct Versions: Equatable {
        var content: stat?
        var receipt: stat?

        static func == (left: Versions, right: Versions) -> Bool {
            isSame(left.content, right.content) && isSame(left.receipt, right.receipt)
        }

        private static func isSame(_ left: stat?, _ right: stat?) -> Bool {
            guard let left, let right else { return left == nil && right == nil }
            return left.isSameFile(as: right) && left.st_size == right.st_size
                && left.st_mtim.tv_sec == right.st_mtim.tv_sec && left.st_mtim.tv_nsec == right.st_mtim.tv_nsec
        }
    }

    func versions() throws(SystemCallError) -> Versions {
        Versions(content: try status(of: name), receipt: try status(of: receiptName))
    }

    private func status(of name: String) throws(SystemCallError) -> stat? {
        do throws(SystemCallError) { return try folder.directory.status(of: name) } catch {
            if error.code == ENAMETOOLONG { return nil }
            throw error
        }
    }
}

extension Pair {
    /// Of the upload whose file or earlier version lies here; `nil` where none can lie.
    var place: Place? {
        let segments =
            switch folder.region {
            case .files: Array(folder.components.dropFirst()) + [name]
            case .versions: Array(folder.components.dropFirst(2))
            case .foreign: [String]()
            }
        guard let pi = folder.pi, let path = try? UploadPath(segments: segments) else { return nil }
        return Place(pi: pi, path: path)
    }

    /// Whether what `receipt` states was stored here. `name`: in the line for sha256sum.
    func isPlace(of receipt: Receipt, name: String) -> Bool {
        guard name.utf8.elementsEqual(self.name.utf8), let place,
            place.key.elementsEqual("\(receipt.pi)/\(receipt.path)".utf8)
        else { return false }
        if case .versions = folder.region { return receipt.sha256 == name }
        return true
    }

    /// Where what `receipt` states was stored, if that is not here.
    func otherPlace(of receipt: Receipt) -> String {
        let stored = "\(receipt.pi)/\(receipt.path)"
        guard let place, place.key.elementsEqual(stored.utf8) else { return stored }
        return "\(receipt.pi)/\(Place.versionsName)/\(receipt.path)/\(receipt.sha256)"
    }
}
