import Glibc

/// Whose a file shall be that root makes in `folder`: its owner's, who could else not read what one `sudo` has left. `nil`
/// for everybody else, who may give nothing away, and where it is root's own.
private func ownerForRoot(in folder: String) -> (user: uid_t, group: gid_t)? {
    guard geteuid() == 0, let status = try? fileStatus(folder, followingLinks: true), status.st_uid != 0 else {
        return nil
    }
    return (status.st_uid, status.st_gid)
}

/// For a file that is new: nothing happens unless root made it in a folder of somebody else.
func giveToOwnerOfFolder(_ file: FileDescriptor) throws(SystemCallError) {
    guard let owner = ownerForRoot(in: directory(of: file.path)) else { return }
    guard fchown(file.number, owner.user, owner.group) == 0 else {
        // File systems without owners, as on a stick: everything there is the same person's.
        guard errno == EPERM else { throw SystemCallError("set the owner of", file.path) }
        return
    }
}
