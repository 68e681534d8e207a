package import Glibc

/// An open file, closed when the last owner lets go.
package final class FileDescriptor: Sendable {
    package let number: Int32
    /// For messages.
    package let path: String

    package init(takingOwnershipOf number: Int32, path: String) {
        self.number = number
        self.path = path
    }

    /// open(2), with O_CLOEXEC. `mode` counts when `flags` have O_CREAT.
    package convenience init(
        opening path: String, _ flags: Int32, mode: mode_t = 0
    ) throws(SystemCallError) {
        let number = open(path, flags | O_CLOEXEC, mode)
        guard number >= 0 else { throw SystemCallError("open", path) }
        self.init(takingOwnershipOf: number, path: path)
    }

    deinit {
        close(number)
    }

    package func status() throws(SystemCallError) -> stat {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw SystemCallError("look at", path) }
        return status
    }

    /// By which an error of `synchronize()` is known.
    package static let syncOperation = "sync"

    /// fsync(2). After a failure the kernel may have dropped the data: it is never to be tried again on this file.
    package func synchronize() throws(SystemCallError) {
        while fsync(number) != 0 {
            // A signal came before anything was tried: no data is lost by that.
            guard errno == EINTR else { throw SystemCallError(Self.syncOperation, path) }
        }
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(SystemCallError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest)
            let count = Glibc.write(number, piece.baseAddress, piece.count)
            if count < 0 {
                guard errno == EINTR else { throw SystemCallError("write", path) }
            } else {
                rest = rest.dropFirst(count)
            }
        }
    }

    package func write(_ bytes: [UInt8]) throws(SystemCallError) {
        let result: Result<Void, SystemCallError> = bytes.withUnsafeBytes { buffer in
            do throws(SystemCallError) { return .success(try write(buffer)) } catch { return .failure(error) }
        }
        try result.get()
    }

    /// Reads at most `buffer.count` bytes; 0 at the end.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Int {
        while true {
            let count = Glibc.read(number, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw SystemCallError("read", path) }
        }
    }

    /// The next byte to be read or written is this one.
    package func seek(to offset: Int64) throws(SystemCallError) {
        guard lseek(number, off_t(offset), SEEK_SET) >= 0 else { throw SystemCallError("seek in", path) }
    }

    package func truncate(to size: Int64) throws(SystemCallError) {
        while ftruncate(number, off_t(size)) != 0 {
            guard errno == EINTR else { throw SystemCallError("truncate", path) }
        }
    }

    /// Writes there, wherever the next byte would have gone (pwrite(2)).
    package func write(_ bytes: [UInt8], at offset: Int64) throws(SystemCallError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(number, $0.baseAddress! + done, $0.count - done, off_t(offset) + off_t(done))
            }
            if count < 0 {
                guard errno == EINTR else { throw SystemCallError("write", path) }
            } else {
                done += count
            }
        }
    }
}
