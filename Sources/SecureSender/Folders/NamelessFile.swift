import CLinux
import Files
import Glibc
import OpenSSL

/// A new file that gets its name once its contents are durable; without one it is gone if we are interrupted.
struct NamelessFile {
    private let descriptor: FileDescriptor
    private let folder: Folder
    /// Where the file system has no files without a name.
    private let temporaryName: String?

    /// Hidden, and the same at the next attempt: what an interruption left is found by it.
    static func temporaryName(for name: String) -> String {
        name.utf8.first == UInt8(ascii: ".") ? "\(name).new" : ".\(name).new"
    }

    /// `temporaryName`: nobody else may use it.
    init(in folder: Folder, temporaryName name: String) throws(SystemCallError) {
        self.folder = folder
        let number = linux_open_unnamed(folder.descriptor.number, 0o644)
        if number >= 0 {
            descriptor = FileDescriptor(takingOwnershipOf: number, path: folder.path)
            temporaryName = nil
        } else if [EOPNOTSUPP, EISDIR, EINVAL, ENOENT].contains(errno) {
            // FAT on a stick, for one (open(2), O_TMPFILE).
            try folder.removeIfThere(name)
            descriptor = try folder.open(name, O_RDWR | O_CREAT | O_EXCL, mode: 0o644)
            temporaryName = name
        } else {
            throw SystemCallError("create a file in", folder.path)
        }
    }

    init(in folder: Folder, temporaryName: String, contents: [UInt8]) throws(SystemCallError) {
        self = try NamelessFile(in: folder, temporaryName: temporaryName)
        do throws(SystemCallError) {
            try descriptor.write(contents)
        } catch {
            discard()
            throw error
        }
    }

    /// Copies the contents of `original`, and the times and the mode in `status`. Throws EINTR as soon as `stop` is wanted.
    func fill(
        from original: FileDescriptor, size: Int64, status: stat, stop: StopSignal
    ) throws(SystemCallError) {
        let buffer = PieceBuffer()
        var position: Int64 = 0
        while position < size {
            if stop.isWanted { throw SystemCallError("copy", original.path, code: EINTR) }
            let count = pread(original.number, buffer.bytes.baseAddress, buffer.bytes.count, off_t(position))
            if count > 0 {
                try descriptor.write(buffer.prefix(count))
                position += Int64(count)
            } else if count == 0 {
                // It became shorter. The digest will tell.
                break
            } else if errno != EINTR {
                throw SystemCallError("read", original.path)
            }
        }
        // FAT has no modes, and times in steps of two seconds.
        _ = fchmod(descriptor.number, status.st_mode & 0o777)
        let times = [status.st_atim, status.st_mtim]
        _ = futimens(descriptor.number, times)
    }

    /// Of what the disk holds; to be called after `synchronize()`.
    func digest(stop: StopSignal) throws(SystemCallError) -> SHA256Digest {
        descriptor.forgetCache()
        return try descriptor.digest(stop: stop)
    }

    /// Hands the contents to the disk and does not wait: of many files, most are there when the first has been synced.
    func startWriting() {
        _ = linux_start_writing(descriptor.number)
    }

    /// Makes the contents durable no later than names that are made so from now on, in the same file system. Where one
    /// journal has all changes in their order that takes no sync: only the disk has to have the contents.
    func synchronizeAhead() throws(SystemCallError) {
        if folder.hasOrderedJournal, linux_finish_writing(descriptor.number) == 0 { return }
        try synchronize()
    }

    /// Makes the contents durable.
    func synchronize() throws(SystemCallError) {
        try descriptor.synchronize()
    }

    /// Throws EEXIST if the name is taken. The name becomes durable with its folder.
    func link(as name: String) throws(SystemCallError) {
        if let temporaryName {
            try folder.move(temporaryName, to: folder, as: name)
        } else if linux_link_unnamed(descriptor.number, folder.descriptor.number, name) != 0 {
            throw SystemCallError("create", folder.path(of: name))
        }
    }

    /// To be called where it gets no name.
    func discard() {
        if let temporaryName { try? folder.remove(temporaryName) }
    }
}
