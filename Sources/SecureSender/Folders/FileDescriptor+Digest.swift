import Files
import Glibc
import OpenSSL

extension FileDescriptor {
    /// Of all that is in the file now. Throws EINTR as soon as `stop` is wanted.
    func digest(stop: StopSignal = StopSignal()) throws(SystemCallError) -> SHA256Digest {
        let buffer = PieceBuffer()
        var hash = SHA256()
        var position: Int64 = 0
        while true {
            if stop.isWanted { throw SystemCallError("read", path, code: EINTR) }
            let count = pread(number, buffer.bytes.baseAddress, buffer.bytes.count, off_t(position))
            if count > 0 {
                hash.update(buffer.prefix(count))
                position += Int64(count)
            } else if count == 0 {
                return hash.finish()
            } else if errno != EINTR {
                throw SystemCallError("read", path)
            }
        }
    }

    /// Has the next reader get what the disk holds instead of what memory remembers; to be called after a sync.
    func forgetCache() {
        _ = posix_fadvise(number, 0, 0, POSIX_FADV_DONTNEED)
    }
}
