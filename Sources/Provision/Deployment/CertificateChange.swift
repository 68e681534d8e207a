import CommandSupport
import Files
import Glibc

/// Files of `certs/` that change together, whole or not at all, whatever interrupts it:
///
/// 1. all are written in `certs/.change.new/`, durably;
/// 2. that folder takes the name `certs/.change/`: this is the moment in which the change happens;
/// 3. each file is moved to its place.
///
/// What step 1 left, the next run removes; what step 2 left, it finishes. A receiver may read while step 3 goes on: its
/// own certificate comes first, then the roots, so that it never presents one of a root that is taken away.
struct CertificateChange {
    private let deployment: Deployment

    /// Needs the lock.
    init(_ deployment: Deployment) throws {
        self.deployment = deployment
        try removeTree(deployment.unfinishedChange)
        try makeFolder(deployment.unfinishedChange, mode: 0o700)
    }

    /// `path`, a file of `certs/`, is to hold `bytes`. Owner and group of the old file stay, for they may be the receiver's,
    /// and so does the right to read that somebody gave to its group.
    func write(_ bytes: [UInt8], to path: String, mode: mode_t) throws {
        let staged = "\(deployment.unfinishedChange)/\(lastComponent(of: path))"
        guard let old = try fileStatus(path) else {
            return try writeNewFile(staged, bytes, mode: mode)
        }
        guard old.isRegularFile else {
            // A link would be replaced, and the file that it points at, on a stick perhaps, stay as it was.
            throw CommandFailure(
                "\(path) is not a regular file", reason: "it could not be replaced as a whole",
                hint: "put the file itself there instead of a link", exitCode: .dataError)
        }
        try writeNewFile(staged, bytes, mode: mode | old.permissions & 0o040)
        let file = try FileDescriptor(opening: staged, O_RDONLY)
        let own = try file.status()
        try copyAccessList(of: path, to: file)
        if (own.st_uid, own.st_gid) != (old.st_uid, old.st_gid) {
            guard fchown(file.number, old.st_uid, old.st_gid) == 0 else {
                throw SystemCallError("keep the owner of", path)
            }
        }
        // Once more: a list that a power cut takes away would shut the receiver out.
        try file.synchronize()
    }

    /// `path` is to be no more.
    func remove(_ path: String) throws {
        try writeNewFile("\(deployment.unfinishedChange)/\(lastComponent(of: path))\(Self.removal)", [], mode: 0o600)
    }

    func commit() throws {
        try moveFolderToNewName(deployment.unfinishedChange, deployment.change)
        try Self.finish(deployment)
    }

    /// After a failure before `commit`: nothing has changed.
    func discard() {
        // What cannot be removed now, the next run removes.
        try? removeTree(deployment.unfinishedChange)
    }

    static func finishInterrupted(_ deployment: Deployment) throws {
        if try fileStatus(deployment.change) != nil { try finish(deployment) }
        try removeTree(deployment.unfinishedChange)
    }

    /// Ends the name of what is to be removed.
    private static let removal = ".removed"

    private static func finish(_ deployment: Deployment) throws {
        let names = try namesInFolder(deployment.change)
        let first = [deployment.receiver, deployment.authorityCertificate].map(lastComponent)
        for name in first.filter(names.contains) + names.filter({ !first.contains($0) }) {
            if name.hasSuffix(removal) {
                let path = "\(deployment.certificates)/\(name.dropLast(removal.count))"
                guard unlink(path) == 0 || errno == ENOENT else { throw SystemCallError("remove", path) }
            } else {
                let path = "\(deployment.certificates)/\(name)"
                guard rename("\(deployment.change)/\(name)", path) == 0 else { throw SystemCallError("replace", path) }
            }
        }
        try synchronizeDirectory(of: deployment.change)
        try removeTree(deployment.change)
    }
}
