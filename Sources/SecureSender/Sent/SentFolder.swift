import CommandSupport
import Files
import Glibc

/// Opens the folder for sent files before anything is sent: to find out afterwards that nothing can be moved there would
/// send everything again at each run.
enum SentFolder {
    static let defaultName = "sent_files"

    /// `chosen`: as the user named it; else it is beside `source`, whose path has no links. `makeRoom` is called where the disk
    /// is full, before that counts; `tell` where it has to wait for another run.
    static func open(
        _ chosen: String?, for source: Folder, makeRoom: (Folder) -> Void = { _ in }, tell: (Folder) -> Void = { _ in }
    ) throws(CommandFailure) -> Folder {
        try opened(path(chosen, for: source), for: source, makeRoom: makeRoom, tell: tell).get()
    }

    /// As `open`, but makes nothing, which could become another user's than that of the runs; `nil` if it is not there and
    /// can be made.
    static func examine(_ chosen: String?, for source: Folder) throws(CommandFailure) -> Folder? {
        let path = path(chosen, for: source)
        var status = stat()
        if lstat(path, &status) == 0 || errno != ENOENT {
            return try opened(path, for: source, patience: .seconds(2)).get()
        }
        let parent: Folder
        do throws(SystemCallError) { parent = try Folder(opening: directory(of: path)) } catch {
            throw .sentFolder(path, reason: "\(error)")
        }
        guard let obstacle = FolderExit(of: parent).obstacle else { return nil }
        let place = CommandOutput.oneLine(parent.path)
        throw .sentFolder(path, reason: "\(place): \(obstacle)", hint: obstacle.wayOut(place))
    }

    /// `nil` if it is not there yet.
    static func existing(_ chosen: String?, for source: Folder) -> Folder? {
        realPath(path(chosen, for: source)).flatMap { try? Folder(opening: $0) }
    }

    static func path(_ chosen: String?, for source: Folder) -> String {
        chosen ?? "\(directory(of: source.path) == "/" ? "" : directory(of: source.path))/\(defaultName)"
    }

    private static func opened(
        _ path: String, for source: Folder, patience: Duration? = nil, makeRoom: (Folder) -> Void = { _ in },
        tell: (Folder) -> Void = { _ in }
    ) -> Result<Folder, CommandFailure> {
        do throws(SystemCallError) {
            let folder = try make(path)
            if let obstacle = FolderExit(of: folder).obstacle {
                return .failure(.sentFolder(path, reason: "\(obstacle)", hint: obstacle.wayOut(path)))
            }
            try check(folder, for: source)
            try probe(folder, patience: patience, tell: { tell(folder) }, makeRoom: { makeRoom(folder) })
            return .success(folder)
        } catch {
            return .failure(.sentFolder(path, error))
        }
    }

    private static func make(_ path: String) throws(SystemCallError) -> Folder {
        if mkdir(path, 0o777) == 0 {
            try synchronizeDirectory(of: path)
        } else if errno != EEXIST {
            throw SystemCallError("create", path)
        }
        return try Folder(opening: realPath(path) ?? path)
    }

    /// That it is another one than that.
    static func check(_ folder: Folder, for source: Folder) throws(SystemCallError) {
        let target = Fingerprint(try folder.descriptor.status())
        let origin = Fingerprint(try source.descriptor.status())
        // rename(2)'s own word for it.
        guard !target.isSameFile(as: origin) else {
            throw SystemCallError("move files from \(source.path) to", folder.path, code: EINVAL)
        }
    }

    /// Whether files can be moved in that file system without overwriting others, and there is room for a receipt, perhaps
    /// behind `makeRoom`. Another run is waited for, which may be at this too; but no longer than `patience`.
    static func probe(
        _ folder: Folder, stop: StopSignal = StopSignal(), patience: Duration? = nil, tell: () -> Void = {},
        makeRoom: () -> Void
    ) throws(SystemCallError) {
        do throws(SystemCallError) { try probe(folder, stop, patience, tell) } catch {
            guard error.isForLackOfRoom else { throw error }
            // Without the lock, which housekeeping needs.
            makeRoom()
            try probe(folder, stop, patience, tell)
        }
    }

    private static func probe(
        _ folder: Folder, _ stop: StopSignal, _ patience: Duration?, _ tell: () -> Void
    ) throws(SystemCallError) {
        let lock = try? folder.lock(unless: stop, patience: patience, tell: tell)
        defer { withExtendedLifetime(lock) {} }
        let names = [".probe", ".probe-moved"]
        // An earlier one may have been interrupted.
        for name in names { try folder.removeIfThere(name) }
        let file = try folder.open(names[0], O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        do throws(SystemCallError) {
            try file.write([UInt8](repeating: 0, count: 4 << 10))
            // Some find out then that there is no room (NFS), or that the disk is broken.
            try file.synchronize()
            try folder.move(names[0], to: folder, as: names[1])
            try folder.remove(names[1])
            try folder.synchronize()
        } catch {
            for name in names { try? folder.removeIfThere(name) }
            throw error
        }
    }
}

extension SystemCallError {
    /// On that disk, or of what this user may have of it.
    var isForLackOfRoom: Bool { [ENOSPC, EDQUOT].contains(code) }
}
