import CLinux
import Files
import Glibc

extension FileDescriptor {
    /// Whether somebody has the file open for writing, or mapped so; `nil` where the kernel does not tell: a file of
    /// somebody else without CAP_LEASE (capabilities(7)), a file system without leases, or one that other computers write
    /// to. The descriptor has to be open for reading alone.
    ///
    /// A lease is taken and given back at once. Held while the file is read it would make a writer's open(2) wait, for up to
    /// /proc/sys/fs/lease-break-time seconds: a station must not be held up by the sender.
    var isOpenForWriting: Bool? {
        // The kernel tells us by SIGIO of whoever opens the file in this moment, which would end us.
        _ = leaseBreaksAreIgnored
        if linux_take_read_lease(number) == 0 {
            _ = linux_release_lease(number)
            return false
        }
        // NFS and SMB say EAGAIN of any file that their server has not lent to us.
        guard errno == EAGAIN, linux_is_shared_over_network(number) == 0 else { return nil }
        return true
    }

    /// Whether chattr(1) keeps it, or what is in it, where it is, even from root.
    var isPinned: Bool { linux_is_pinned(number) != 0 }
}

private let leaseBreaksAreIgnored: Void = {
    signal(SIGIO, SIG_IGN)
}()
