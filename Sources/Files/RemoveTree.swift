import Glibc

/// Removes a file, or a folder with all that is in it; nothing happens if there is none. It follows no link at `path` or
/// below, not even one that is put there meanwhile: each folder is held open while its names are taken out of it.
package func removeTree(_ path: String) throws(SystemCallError) {
    let parent: FileDescriptor
    do throws(SystemCallError) {
        parent = try FileDescriptor(opening: directory(of: path), O_RDONLY | O_DIRECTORY)
    } catch {
        if error.code == ENOENT { return }
        throw error
    }
    try remove(lastComponent(of: path), in: parent, path)
}

/// `path`: for messages.
private func remove(_ name: String, in parent: FileDescriptor, _ path: String) throws(SystemCallError) {
    if unlinkat(parent.number, name, 0) == 0 || errno == ENOENT { return }
    // EISDIR is what Linux says of a folder, EPERM what POSIX says (unlink(2)).
    guard [EISDIR, EPERM].contains(errno) else { throw SystemCallError("remove", path) }
    let code = errno
    let number = openat(parent.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard number >= 0 else {
        throw SystemCallError("remove", path, code: errno == ENOTDIR || errno == ELOOP ? code : errno)
    }
    let folder = FileDescriptor(takingOwnershipOf: number, path: path)
    for name in try namesInFolder(folder) { try remove(name, in: folder, "\(path)/\(name)") }
    guard unlinkat(parent.number, name, AT_REMOVEDIR) == 0 else { throw SystemCallError("remove the folder", path) }
}
