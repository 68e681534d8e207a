import CLinux
import Files
import Glibc

// Apart from the rest: where CLinux is imported, its `stat` can hide Glibc's.

/// Gives `copy` the access control list of the file `path` (acl(5)), or takes away what its folder gave it if that has
/// none: the receiver may owe its right to read to the list alone. `false` if there is none; with one goes the mode.
@discardableResult
func copyAccessList(of path: String, to copy: FileDescriptor) throws(SystemCallError) -> Bool {
    let name = "system.posix_acl_access"
    let original = try FileDescriptor(opening: path, O_RDONLY | O_NOFOLLOW)
    // setxattr(2) takes no larger value.
    var list = [UInt8](repeating: 0, count: 1 << 16)
    let size = fgetxattr(original.number, name, &list, list.count)
    let result =
        size >= 0 ? fsetxattr(copy.number, name, list, size, 0) : fremovexattr(copy.number, name)
    // None on the one, none on the other, or a file system that has none.
    let isFailure = size >= 0 ? result != 0 : result != 0 && ![ENODATA, EOPNOTSUPP].contains(errno)
    if isFailure { throw SystemCallError("keep the access control list of", path) }
    return size >= 0
}
