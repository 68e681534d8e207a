import Files
import Glibc
import UploadProtocol

/// The files below a folder that are to be sent, oldest first: their names only, so that a hundred thousand fit.
struct FileScan {
    struct Entry: Sendable {
        let path: UploadPath
        let modified: Fingerprint.Moment
    }

    /// Names of one kind, of which the first few are told.
    struct Names {
        static let mostTold = 10

        var count = 0
        var told: [(name: String, reason: String)] = []

        fileprivate mutating func append(_ name: String, _ reason: UploadPathError) {
            count += 1
            if told.count < Self.mostTold { told.append((name, "\(reason)")) }
        }
    }

    private(set) var entries: [Entry] = []
    /// Names that the receiver keeps for itself, such as receipts: nobody expects these to be sent.
    private(set) var reserved = Names()
    /// Names that cannot be stored, too long ones for example: somebody has to rename these.
    private(set) var unsendable = Names()
    /// Folders inside that cannot be read.
    private(set) var unreadable: [SystemCallError] = []

    /// Hidden names and symbolic links are left out, so are FIFOs and devices, and the folder `leavingOut`.
    init(of folder: Folder, leavingOut excluded: Folder?) throws(SystemCallError) {
        let excluded = try excluded.map { (excluded) throws(SystemCallError) in
            Fingerprint(try excluded.descriptor.status())
        }
        try collect(folder, below: [], excluded: excluded)
        entries.sort { left, right in
            left.modified == right.modified
                ? left.path.description < right.path.description : left.modified < right.modified
        }
    }

    private mutating func collect(
        _ folder: Folder, below parents: [String], excluded: Fingerprint?
    ) throws(SystemCallError) {
        try folder.forEachName { bytes throws(SystemCallError) in
            guard bytes.first != UInt8(ascii: ".") else { return }
            guard let name = String(validating: bytes, as: UTF8.self) else {
                return refuse(String(decoding: bytes, as: UTF8.self), below: parents, UploadPathError.notUTF8)
            }
            // A file that vanishes meanwhile is not ours to send.
            guard let status = try folder.status(of: name), status.isRegularFile || status.isFolder else { return }
            do throws(UploadPathError) {
                let path = try UploadPath(segments: parents + [name])
                if status.isFolder {
                    descend(into: name, of: folder, path: path, status: Fingerprint(status), excluded: excluded)
                } else {
                    entries.append(Entry(path: path, modified: Fingerprint(status).modified))
                }
            } catch {
                refuse(name, below: parents, error)
            }
        }
    }

    private mutating func descend(
        into name: String, of folder: Folder, path: UploadPath, status: Fingerprint, excluded: Fingerprint?
    ) {
        if let excluded, (excluded.device, excluded.inode) == (status.device, status.inode) { return }
        do throws(SystemCallError) {
            try collect(try folder.folder(name), below: path.segments, excluded: excluded)
        } catch {
            unreadable.append(error)
        }
    }

    private mutating func refuse(_ name: String, below parents: [String], _ error: UploadPathError) {
        let path = (parents + [name]).joined(separator: "/")
        if case .reserved = error { reserved.append(path, error) } else { unsendable.append(path, error) }
    }
}
