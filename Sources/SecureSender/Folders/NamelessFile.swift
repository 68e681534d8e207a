import CLinux
import Files
import Glibc

/// A new file that gets its name once its contents are durable; without one it is gone if we are interrupted.
struct NamelessFile {
    private let descriptor: FileDescriptor
    private let folder: Folder
    /// Where the file system has no files without a name.
    private let temporaryName: String?

    init(in folder: Folder, contents: [UInt8]) throws(SystemCallError) {
        self.folder = folder
        let number = linux_open_unnamed(folder.descriptor.number, 0o644)
        if number >= 0 {
            descriptor = FileDescriptor(takingOwnershipOf: number, path: folder.path)
            temporaryName = nil
        } else if [EOPNOTSUPP, EISDIR, EINVAL, ENOENT].contains(errno) {
            // FAT on a stick, for one (open(2), O_TMPFILE).
            let name = ".receipt-\(UInt64.random(in: .min ... .max))"
            descriptor = try folder.open(name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
            temporaryName = name
        } else {
            throw SystemCallError("create a file in", folder.path)
        }
        do throws(SystemCallError) {
            try descriptor.write(contents)
        } catch {
            discard()
            throw error
        }
    }

    /// Hands the contents to the disk and does not wait: of many files, most are there when the first has been synced.
    func startWriting() {
        _ = linux_start_writing(descriptor.number)
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
