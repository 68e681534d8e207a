import CLinux
import Glibc

// In a file of its own: where CLinux is imported, glibc's types count as its own and cannot appear in declarations
// of the package.

/// A file of mode 0600 without a name in `directory`; `nil` where the file system has none.
func openUnnamed(in directory: FileDescriptor, for path: String) -> FileDescriptor? {
    let number = linux_open_unnamed(directory.number, 0o600)
    return number >= 0 ? FileDescriptor(takingOwnershipOf: number, path: path) : nil
}

/// Gives an unnamed file its name; returns 0 or errno(3), EEXIST if the name is taken.
func linkUnnamed(_ file: FileDescriptor, in directory: FileDescriptor, name: String) -> Int32 {
    linux_link_unnamed(file.number, directory.number, name) == 0 ? 0 : errno
}

/// rename(2) that replaces nothing; returns 0 or errno(3).
func renameToNew(_ path: String, _ newPath: String) -> Int32 {
    linux_rename_new(AT_FDCWD, path, AT_FDCWD, newPath) == 0 ? 0 : errno
}
