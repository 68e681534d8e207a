import Files
import Glibc

/// Keeps other runs of `provision` out of the folder until it is let go, or this process ends in any way.
final class DeploymentLock {
    private let file: FileDescriptor

    /// Waits while another run has it. `waiting` is called once before that.
    init(_ deployment: Deployment, waiting: () -> Void) throws {
        try makeFolder(deployment.certificates, mode: 0o700)
        file = try FileDescriptor(opening: deployment.lock, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        if flock(file.number, LOCK_EX | LOCK_NB) == 0 { return }
        if errno == EWOULDBLOCK { waiting() }
        while flock(file.number, LOCK_EX) != 0 {
            guard errno == EINTR else { throw SystemCallError("lock", deployment.lock) }
        }
    }
}
