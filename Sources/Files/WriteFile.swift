package import Glibc

/// Writes a file that does not exist yet, whole or not at all, with its mode from the first byte, and durably: contents
/// first, then the name. Throws EEXIST if the name is taken.
package func writeNewFile(_ path: String, _ bytes: [UInt8], mode: mode_t) throws(SystemCallError) {
    let temporary = try writeTemporary(beside: path, bytes, mode: mode)
    defer { unlink(temporary) }
    guard link(temporary, path) == 0 else { throw SystemCallError("create", path) }
    try synchronizeDirectory(of: path)
}

/// Writes a file or replaces it, whole or not at all, durably; the one who reads it sees the old or the new one.
package func replaceFile(_ path: String, _ bytes: [UInt8], mode: mode_t) throws(SystemCallError) {
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
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

private func writeTemporary(beside path: String, _ bytes: [UInt8], mode: mode_t) throws(SystemCallError) -> String {
    var template = Array("\(directory(of: path))/.tmp-XXXXXX".utf8CString)
    // mkstemp(3) opens with mode 0600, so that no secret is ever readable for others.
    let number = mkstemp(&template)
    guard number >= 0 else { throw SystemCallError("create a file beside", path) }
    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    let temporary = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    let file = FileDescriptor(takingOwnershipOf: number, path: temporary)
    do throws(SystemCallError) {
        try file.write(bytes)
        guard fchmod(number, mode) == 0 else { throw SystemCallError("set the mode of", temporary) }
        try file.synchronize()
    } catch {
        unlink(temporary)
        throw SystemCallError(error.operation, path, code: error.code)
    }
    return temporary
}
