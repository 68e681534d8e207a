import CLinux
import Files
import Glibc

// Apart from the rest of Folder: where CLinux is imported, its `stat` can hide Glibc's.
extension Folder {
    /// Whether what is changed here before something else of this file system is durable no later than that.
    var hasOrderedJournal: Bool { linux_has_ordered_journal(descriptor.number) != 0 }

    /// Moves `name` to `target` of another folder of the same file system; fails with EEXIST and never overwrites.
    func move(_ name: String, to folder: Folder, as target: String) throws(SystemCallError) {
        if linux_rename_new(descriptor.number, name, folder.descriptor.number, target) == 0 { return }
        // NFS and some of FUSE know no flags of rename (renameat2(2)).
        guard [EINVAL, ENOSYS].contains(errno) else {
            throw SystemCallError("move \(path(of: name)) to", folder.path(of: target))
        }
        try moveByLink(name, to: folder, as: target)
    }

    /// As `move`, in two steps: between them the file has both names.
    func moveByLink(_ name: String, to folder: Folder, as target: String) throws(SystemCallError) {
        guard linkat(descriptor.number, name, folder.descriptor.number, target, 0) == 0 else {
            throw SystemCallError("move \(path(of: name)) to", folder.path(of: target))
        }
        do throws(SystemCallError) {
            try remove(name)
        } catch {
            try? folder.remove(target)
            throw error
        }
    }
}
