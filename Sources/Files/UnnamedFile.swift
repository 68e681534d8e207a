import Glibc

/// A file of mode 0600 in `directory` that has no name, and is gone if it never gets one (open(2), O_TMPFILE); `nil`
/// where the file system has none.
func openUnnamed(in directory: FileDescriptor, for path: String) -> FileDescriptor? {
    let number = openat(directory.number, ".", __O_TMPFILE | O_RDWR | O_CLOEXEC, 0o600)
    return number >= 0 ? FileDescriptor(takingOwnershipOf: number, path: path) : nil
}

/// Gives an unnamed file its name; returns 0 or errno(3), EEXIST if the name is taken. The way through /proc needs no
/// capability.
func linkUnnamed(_ file: FileDescriptor, in directory: FileDescriptor, name: String) -> Int32 {
    linkat(AT_FDCWD, "/proc/self/fd/\(file.number)", directory.number, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno
}
