import CLinux
import Files
import Glibc

/// Makes all durable that was written in the file system of the folder `path` so far, by whomever: one wait instead of
/// one a file, but also for what others have written.
func synchronizeFileSystem(of path: String) throws(SystemCallError) {
    let folder = try FileDescriptor(opening: path, O_RDONLY | O_DIRECTORY)
    guard linux_sync_file_system(folder.number) == 0 else { throw SystemCallError("sync the disk of", path) }
}
