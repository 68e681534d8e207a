import Files
import Glibc

/// The group that may read what the receiver reads, where that runs as a user of its own.
struct ReceiverGroup {
    private let deployment: Deployment

    init(_ deployment: Deployment) {
        self.deployment = deployment
    }

    /// What shows it: a file that the group may read, or the folder that it may pass through. `nil` if none does.
    private func example(otherThan path: String? = nil) -> (path: String, group: gid_t)? {
        let open = [deployment.receiver, deployment.identifiers, deployment.certificates].filter { $0 != path }
            .compactMap { path in status(path).map { (path: path, status: $0) } }
            // What is open to everyone is so by mistake.
            .filter { $0.status.permissions & (bit(of: $0.path) | bit(of: $0.path) >> 3) == bit(of: $0.path) }
        let own = getpwuid(open.first?.status.st_uid ?? 0)?.pointee.pw_gid
        // A file that was copied may have lost the group, and kept the mode.
        return (open.first { $0.status.st_gid != own } ?? open.first).map { ($0.path, $0.status.st_gid) }
    }

    /// What chmod(1) is to take from a file or folder that is open too widely.
    func excess(_ rights: String) -> String { example() == nil ? "go=" : "\(rights),o=" }

    /// Lets it read a file that is new, as far as whoever made it may say so: `check` names what is left to do.
    func give(_ path: String) throws {
        guard let example = example(otherThan: path) else { return }
        let file = try FileDescriptor(opening: path, O_RDONLY | O_NOFOLLOW)
        guard fchown(file.number, uid_t.max, example.group) == 0, fchmod(file.number, 0o640) == 0 else { return }
        if example.path != deployment.certificates { _ = try? copyAccessList(of: example.path, to: file) }
        try file.synchronize()
    }

    func findings() -> [Finding] {
        guard let example = example() else { return [] }
        let group = getgrgid(example.group).map { String(cString: $0.pointee.gr_name) } ?? "\(example.group)"
        return [deployment.certificates, deployment.authorityCertificate, deployment.receiver, deployment.identifiers]
            .compactMap { path in
                guard let status = status(path) else { return nil }
                let isOpen = status.permissions & bit(of: path) != 0 && status.st_gid == example.group
                let isPublic = status.permissions & (bit(of: path) >> 3) != 0
                guard !isOpen, !isPublic else { return nil }
                let right = path == deployment.certificates ? "g+x" : "g+r"
                return .warning(
                    path, "the group \(group), which may use \(example.path), may not use it: is it the receiver's?",
                    mend: "chgrp \(quoted(group)) \(quoted(path)) && chmod \(right) \(quoted(path))")
            }
    }

    /// `nil` also for what is the receiver's own.
    private func status(_ path: String) -> stat? {
        guard let status = (try? fileStatus(path, followingLinks: true)) ?? nil,
            let folder = (try? fileStatus(deployment.certificates, followingLinks: true)) ?? nil,
            status.st_uid == folder.st_uid, status.isFolder == (path == deployment.certificates)
        else { return nil }
        return status
    }

    private func bit(of path: String) -> mode_t { path == deployment.certificates ? 0o010 : 0o040 }
}
