import Files
import Glibc
import UploadProtocol

/// What the receiver's own notes say of commits that are under way, or that a crash cut off.
///
/// A commit is noted before it touches a name, and until all of its names are right. So of a file and a receipt that are the
/// same before and after a look at the notes, and are not in them, neither waits for the other.
struct UnderWay: Sendable {
    private let creations: Creations?
    private let replacing: Directory?

    init(in root: Directory) throws(SystemCallError) {
        let notes = try root.existingSubdirectory(Notes.name)
        creations = try notes?.existingSubdirectory(.creating).map { folder in Creations { folder } }
        replacing = try notes?.existingSubdirectory(.replacing)
    }

    /// `receipt`: what has the receipt's name, if anything does.
    func includes(_ pair: Pair, receipt: stat?) throws(SystemCallError) -> Bool {
        guard let place = pair.place else { return false }
        if let receipt, try creations?.include(receipt) == true { return true }
        guard let replacing else { return false }
        for name in try replacing.names() where name.hasSuffix(Replacement.intentSuffix) {
            if try replacement(name, in: replacing)?.place.key == place.key { return true }
        }
        return false
    }

    /// `nil` also if it is gone meanwhile: then it was carried out, and the file has changed too.
    private func replacement(_ name: String, in folder: Directory) throws(SystemCallError) -> Replacement? {
        do throws(SystemCallError) {
            let intent = try folder.open(name, O_RDONLY | O_NONBLOCK)
            return Replacement(parsing: try readAll(intent, limit: mostIntentBytes), id: "")
        } catch {
            // No intent is a folder, a device, or as large.
            if [ENOENT, ELOOP, EISDIR, EINVAL, EFBIG].contains(error.code) { return nil }
            throw error
        }
    }
}

extension Directory {
    fileprivate func existingSubdirectory(_ name: String) throws(SystemCallError) -> Directory? {
        try has(name) ? subdirectory(name) : nil
    }

    fileprivate func existingSubdirectory(_ folder: Notes.Folder) throws(SystemCallError) -> Directory? {
        try existingSubdirectory(folder.rawValue)
    }
}
