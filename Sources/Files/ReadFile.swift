import Glibc

/// A whole regular file of at most `limit` bytes; a larger one is refused before it is read (EFBIG), as are folders and
/// devices (EISDIR, EINVAL).
package func readFile(_ path: String, limit: Int) throws(SystemCallError) -> [UInt8] {
    // O_NONBLOCK: a FIFO of that name must not hold us up.
    let file = try FileDescriptor(opening: path, O_RDONLY | O_NONBLOCK)
    return try readAll(file, limit: limit)
}

package func readAll(_ file: FileDescriptor, limit: Int) throws(SystemCallError) -> [UInt8] {
    let status = try file.status()
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw SystemCallError("read", file.path, code: EISDIR)
    default: throw SystemCallError("read", file.path, code: EINVAL)
    }
    guard status.st_size <= limit else { throw SystemCallError("read", file.path, code: EFBIG) }
    // One byte more than is expected tells a file that grew meanwhile.
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
    var count = 0
    while count < bytes.count {
        let result: Result<Int, SystemCallError> = bytes.withUnsafeMutableBytes { buffer in
            do throws(SystemCallError) {
                return .success(try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...])))
            } catch { return .failure(error) }
        }
        let read = try result.get()
        if read == 0 { break }
        count += read
    }
    bytes.removeSubrange(count...)
    return bytes
}
