import CLinux
import Files
import Glibc
import OpenSSL
import UploadProtocol

/// A stored file, open for reading: what it holds is known by reading it, never by what stands beside it.
struct StoredFile {
    let file: FileDescriptor
    /// As it was opened.
    let status: stat

    /// Bytes.
    var size: Int64 { Int64(status.st_size) }

    /// `nil` if there is no such name. Throws `pathConflict` for anything but a regular file.
    init?(_ name: String, in folder: Directory) throws(StoreError) {
        let conflict = StoreError.pathConflict(PathConflict(path: folder.path(of: name), wanted: .file))
        do throws(SystemCallError) {
            // Looked at before it is opened: opening a FIFO or a device has effects of its own.
            guard let seen = try folder.status(of: name) else { return nil }
            guard seen.isRegularFile else { throw SystemCallError("open", folder.path, code: ELOOP) }
            file = try folder.open(name, O_RDONLY | O_NONBLOCK)
            status = try file.status()
            guard status.isRegularFile else { throw SystemCallError("open", folder.path, code: ELOOP) }
        } catch {
            if error.code == ENOENT { return nil }
            throw error.code == ELOOP ? conflict : StoreError(error)
        }
    }

    /// Reads all of it. `progress`: told of bytes as they are read.
    func digest(progress: ReadObserver) throws(SystemCallError) -> SHA256Digest {
        try RunningHash.reading(file, progress: progress).hash.copy.finish()
    }
}

extension Directory {
    /// What a receipt file says; `nil` if there is none, or one that is not ours.
    func receiptFile(_ receiptName: String, for name: String) throws(StoreError) -> ReceiptFile? {
        guard let stored = try StoredFile(receiptName, in: self) else { return nil }
        do throws(SystemCallError) {
            return ReceiptFile(parsing: try readAll(stored.file, limit: mostReceiptBytes), name: name)
        } catch {
            if error.code == EFBIG { return nil }
            throw StoreError(error)
        }
    }
}

/// A receipt names its path several times, percent-encoded; this is twice of what the longest path makes it.
let mostReceiptBytes = 128 * 1024
