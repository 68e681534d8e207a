package import Glibc

/// Makes a folder with exactly that mode, durably; `false` if there is a folder (or a link to one) already, which is
/// left as it is. Throws EEXIST if something else has the name. `isDurable`: as for `writeNewFile`.
@discardableResult
package func makeFolder(_ path: String, mode: mode_t, isDurable: Bool = true) throws(SystemCallError) -> Bool {
    guard mkdir(path, mode) == 0 else {
        let error = SystemCallError("create the folder", path)
        guard error.code == EEXIST, try fileStatus(path, followingLinks: true)?.isFolder == true else { throw error }
        return false
    }
    // The umask took bits away, perhaps even our own right to open it. It may have been exchanged for a link meanwhile.
    if try fileStatus(path)?.permissions != mode {
        guard fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) == 0 else {
            throw SystemCallError("set the mode of", path)
        }
    }
    if isDurable { try synchronizeDirectory(of: path) }
    return true
}

/// `nil` if nothing has that name.
package func fileStatus(_ path: String, followingLinks: Bool = false) throws(SystemCallError) -> stat? {
    var status = stat()
    guard (followingLinks ? stat(path, &status) : lstat(path, &status)) == 0 else {
        let error = SystemCallError("look at", path)
        guard error.code == ENOENT else { throw error }
        return nil
    }
    return status
}

extension stat {
    package var isFolder: Bool { st_mode & S_IFMT == S_IFDIR }
    package var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }
    /// The permission bits.
    package var permissions: mode_t { st_mode & 0o7777 }
}

/// The names in a folder, sorted, without `.` and `..`; a name that is not UTF-8 is given with replacement characters.
package func namesInFolder(_ path: String) throws(SystemCallError) -> [String] {
    guard let stream = opendir(path) else { throw SystemCallError("read the folder", path) }
    defer { closedir(stream) }
    return try names(in: stream, path)
}

func namesInFolder(_ folder: FileDescriptor) throws(SystemCallError) -> [String] {
    // The stream closes what it was made of.
    let copy = fcntl(folder.number, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0, let stream = fdopendir(copy) else {
        let error = SystemCallError("read the folder", folder.path)
        if copy >= 0 { close(copy) }
        throw error
    }
    defer { closedir(stream) }
    return try names(in: stream, folder.path)
}

private func names(in stream: OpaquePointer, _ path: String) throws(SystemCallError) -> [String] {
    var names: [String] = []
    while true {
        // Only errno tells an error from the end (readdir(3)).
        errno = 0
        guard let entry = readdir(stream) else { break }
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
                String(cString: $0)
            }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    guard errno == 0 else { throw SystemCallError("read the folder", path) }
    return names.sorted()
}

/// Gives a file a new name in the same file system, durably; does the rest of it if an earlier call was interrupted.
/// Throws EEXIST if the name is another file's.
package func moveFileToNewName(_ path: String, _ newPath: String) throws(SystemCallError) {
    try linkFile(path, newPath)
    try synchronizeDirectory(of: newPath)
    guard unlink(path) == 0 else { throw SystemCallError("remove", path) }
}

/// Gives a file a second name, which it may have already; the name is not durable yet. Throws EEXIST if it is another
/// file's.
package func linkFile(_ path: String, _ newPath: String) throws(SystemCallError) {
    guard link(path, newPath) != 0 else { return }
    let error = SystemCallError("create", newPath)
    guard error.code == EEXIST, let old = try fileStatus(path), let new = try fileStatus(newPath),
        (old.st_dev, old.st_ino) == (new.st_dev, new.st_ino)
    else { throw error }
}

/// Gives a folder a new name in the same file system, durably. Throws EEXIST if the name is taken.
package func moveFolderToNewName(_ path: String, _ newPath: String) throws(SystemCallError) {
    try renameFolder(path, newPath)
    try synchronizeDirectory(of: newPath)
}

/// The same, not durable yet.
package func renameFolder(_ path: String, _ newPath: String) throws(SystemCallError) {
    // Should a name come up after this look at it: rename(2) puts a folder in the place of an empty one at most.
    guard try fileStatus(newPath) == nil else { throw SystemCallError("create", newPath, code: EEXIST) }
    guard rename(path, newPath) == 0 else { throw SystemCallError("create", newPath) }
}
