import CommandSupport
import Files
import Glibc

/// Keeps other runs of `provision` out of the folder until it is let go, or this process ends in any way.
final class DeploymentLock {
    let file: FileDescriptor

    /// Waits while another run has it. `waiting` is called once before that, with the other's process id if it can be
    /// told. Whoever gets it finds no change half made.
    init(_ deployment: Deployment, waiting: (pid_t?) -> Void) throws {
        try deployment.refuseInsideAnother()
        try deployment.refuseForeignLinks()
        try makeFolder(deployment.certificates, mode: 0o700)
        file = try Self.create(deployment.lock) ?? Self.open(deployment.lock, O_RDWR)
        try acquire(LOCK_EX) { waiting(holder()) }
        try CertificateChange.finishInterrupted(deployment)
        try removeTemporaries(deployment)
    }

    /// Where files cannot be without a name, an interrupted run leaves one: a second copy of a key, perhaps.
    private func removeTemporaries(_ deployment: Deployment) throws {
        for folder in [deployment.certificates, deployment.receiverCertificates] where try fileStatus(folder) != nil {
            for name in try namesInFolder(folder) where name.hasPrefix(".tmp-") && name.utf8.count == 11 {
                try removeTree("\(folder)/\(name)")
            }
        }
    }

    deinit {
        // Not by the close alone: a program that is being started at this moment holds our descriptors until its exec(3).
        flock(file.number, LOCK_UN)
    }

    /// Only waits until no other run changes the folder, and keeps it so; `nil` where none ever has. Changes nothing.
    /// Throws `CommandFailure` (75) when `patience` has passed: a nightly job must not hang.
    init?(
        reading deployment: Deployment, patience: Duration = .seconds(5), waiting: () -> Void
    ) throws {
        try deployment.refuseForeignLinks()
        guard try fileStatus(deployment.lock) != nil else { return nil }
        file = try Self.open(deployment.lock, O_RDONLY)
        try acquire(LOCK_SH, patience: patience, waiting)
    }

    /// `nil` if it is there.
    private static func create(_ path: String) throws(SystemCallError) -> FileDescriptor? {
        let file: FileDescriptor
        do throws(SystemCallError) {
            file = try FileDescriptor(opening: path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        } catch {
            if error.code == EEXIST { return nil }
            throw error
        }
        // The umask may have left nothing of the mode, for whoever comes next.
        guard fchmod(file.number, 0o600) == 0 else { throw SystemCallError("set the mode of", path) }
        return file
    }

    private static func open(_ path: String, _ flags: Int32) throws -> FileDescriptor {
        // O_NONBLOCK: a FIFO of that name must not hold us up.
        let file = try FileDescriptor(opening: path, flags | O_NOFOLLOW | O_NONBLOCK, mode: 0o600)
        guard try file.status().isRegularFile else {
            throw UnusableFile(path: path, reason: "it is no regular file", hint: "remove it: rm -r \(path)")
        }
        return file
    }

    /// `patience`: `nil` is for ever.
    private func acquire(_ operation: Int32, patience: Duration? = nil, _ waiting: () -> Void) throws {
        if flock(file.number, operation | LOCK_NB) == 0 { return }
        if errno == EWOULDBLOCK { waiting() }
        guard let patience else {
            while flock(file.number, operation) != 0 {
                guard errno == EINTR else { throw SystemCallError("lock", file.path) }
            }
            return
        }
        let end = ContinuousClock.now + patience
        while flock(file.number, operation | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else { throw SystemCallError("lock", file.path) }
            guard ContinuousClock.now < end else { throw givenUp() }
            usleep(50_000)
        }
    }

    private func givenUp() -> CommandFailure {
        let holder = holder()
        return CommandFailure(
            "another provision is at work in this folder",
            reason: holder.map { "process \($0) does not come to its end" } ?? "it does not come to its end",
            hint: "run this again later; if it hangs: \(Self.wayToEnd(holder))", exitCode: .temporaryFailure)
    }
}
