import CommandSupport
import Files
import Glibc

/// Opens the folder for sent files before anything is sent: to find out afterwards that nothing can be moved there would
/// send everything again at each run.
enum SentFolder {
    static let defaultName = "sent_files"

    /// `chosen`: as the user named it; else it is beside `source`, whose path has no links.
    static func open(_ chosen: String?, for source: Folder) throws(CommandFailure) -> Folder {
        let path = chosen ?? "\(directory(of: source.path) == "/" ? "" : directory(of: source.path))/\(defaultName)"
        do throws(SystemCallError) {
            if mkdir(path, 0o777) == 0 {
                try synchronizeDirectory(of: path)
            } else if errno != EEXIST {
                throw SystemCallError("create", path)
            }
            let resolved = realPath(path) ?? path
            let folder = try Folder(opening: resolved)
            try check(folder, for: source)
            return folder
        } catch {
            guard error.path != source.path else {
                throw .sentFolder(
                    path, reason: "\(error)",
                    hint: "files are moved out of that folder: let the user who runs this write to it")
            }
            throw .sentFolder(path, reason: "\(error)")
        }
    }

    private static func check(_ folder: Folder, for source: Folder) throws(SystemCallError) {
        let target = Fingerprint(try folder.descriptor.status())
        let origin = Fingerprint(try source.descriptor.status())
        // rename(2)'s own words for each case.
        guard target.inode != origin.inode || target.device != origin.device else {
            throw SystemCallError("move files from \(source.path) to", folder.path, code: EINVAL)
        }
        guard target.device == origin.device else {
            throw SystemCallError("move files from \(source.path) to", folder.path, code: EXDEV)
        }
        for place in [folder, source] where faccessat(place.descriptor.number, ".", W_OK | X_OK, AT_EACCESS) != 0 {
            throw SystemCallError("write to", place.path)
        }
        try probe(folder)
    }

    /// Whether files can be moved in that file system without overwriting others.
    private static func probe(_ folder: Folder) throws(SystemCallError) {
        let name = ".probe-\(UInt64.random(in: .min ... .max))"
        _ = try folder.open(name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        do throws(SystemCallError) {
            try folder.move(name, to: folder, as: "\(name)-moved")
            try folder.remove("\(name)-moved")
        } catch {
            try? folder.remove(name)
            throw error
        }
    }
}
