import Glibc

/// Writes a file that does not exist yet, whole or not at all, with its mode from the first byte, and durably: contents
/// first, then the name. Root's belongs to the owner of its folder. `mode`: a mode_t, which the compiler does not always count as Glibc's. Throws EEXIST if the name is
/// taken.
///
/// `isDurable: false` leaves the syncs to a later `synchronizeFileSystem(of:)`, for many files at once.
package func writeNewFile(
    _ path: String, _ bytes: [UInt8], mode: UInt32, isDurable: Bool = true
) throws(SystemCallError) {
    // Without a name until it is whole: an interruption leaves nothing behind that somebody would have to remove.
    if let directory = try? FileDescriptor(opening: directory(of: path), O_RDONLY | O_DIRECTORY),
        let file = openUnnamed(in: directory, for: path)
    {
        try fill(file, bytes, mode: mode, isDurable: isDurable)
        switch linkUnnamed(file, in: directory, name: lastComponent(of: path)) {
        case 0:
            if isDurable { try directory.synchronize() }
            return
        case EEXIST: throw SystemCallError("create", path, code: EEXIST)
        default: break
        }
    }
    // A file system without unnamed files, or no /proc.
    let temporary = try writeTemporary(beside: path, bytes, mode: mode, isDurable: isDurable)
    defer { unlink(temporary) }
    guard link(temporary, path) == 0 else { throw SystemCallError("create", path) }
    if isDurable { try synchronizeDirectory(of: path) }
}

/// Writes a file or replaces it, whole or not at all, durably; the one who reads it sees the old or the new one.
package func replaceFile(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(SystemCallError) {
    let temporary = try writeTemporary(beside: path, bytes, mode: mode)
    guard rename(temporary, path) == 0 else {
        let error = SystemCallError("replace", path)
        unlink(temporary)
        throw error
    }
    try synchronizeDirectory(of: path)
}

/// Makes the names in the directory that holds `path` durable.
package func synchronizeDirectory(of path: String) throws(SystemCallError) {
    try FileDescriptor(opening: directory(of: path), O_RDONLY | O_DIRECTORY).synchronize()
}

/// The part of `path` before its last component; "." if there is none.
package func directory(of path: String) -> String {
    // By bytes: a combining mark behind it makes another character of a slash.
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// The part of `path` behind its last slash.
package func lastComponent(of path: String) -> String {
    path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[path.utf8.index(after: $0)...]) } ?? path
}

private func fill(
    _ file: FileDescriptor, _ bytes: [UInt8], mode: UInt32, isDurable: Bool
) throws(SystemCallError) {
    try file.write(bytes)
    guard fchmod(file.number, mode) == 0 else { throw SystemCallError("set the mode of", file.path) }
    try giveToOwnerOfFolder(file)
    if isDurable { try file.synchronize() }
}

private func writeTemporary(
    beside path: String, _ bytes: [UInt8], mode: UInt32, isDurable: Bool = true
) throws(SystemCallError) -> String {
    var template = Array("\(directory(of: path))/.tmp-XXXXXX".utf8CString)
    // mkstemp(3) opens with mode 0600, so that no secret is ever readable for others.
    let number = mkstemp(&template)
    guard number >= 0 else { throw SystemCallError("create a file beside", path) }
    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    let temporary = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    let file = FileDescriptor(takingOwnershipOf: number, path: temporary)
    do throws(SystemCallError) {
        try fill(file, bytes, mode: mode, isDurable: isDurable)
    } catch {
        unlink(temporary)
        throw SystemCallError(error.operation, path, code: error.code)
    }
    return temporary
}
