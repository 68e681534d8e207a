import Files
import Glibc

extension DeploymentLock {
    static func words(ofWaitingFor holder: pid_t?) -> String {
        """
        Another provision is at work in this folder\(holder.map { " (process \($0))" } ?? ""); waiting for it … \
        If it hangs: \(wayToEnd(holder))
        """
    }

    /// What it was about, the next run finishes or removes.
    static func wayToEnd(_ holder: pid_t?) -> String {
        holder.map { "kill \($0)" } ?? "find it with ps -C provision -o pid,tty,args and end it with kill"
    }

    /// Who has the lock; `nil` if that cannot be told, as on file systems that give a file another device number here
    /// than stat(2). From the kernel, because a number written into the file would outlive its process.
    static func holder(of file: stat, in locks: String) -> pid_t? {
        // gnu_dev_major(3), gnu_dev_minor(3).
        let major = (file.st_dev >> 8) & 0xfff | (file.st_dev >> 32) & ~0xfff
        let minor = file.st_dev & 0xff | (file.st_dev >> 12) & ~0xff
        for line in locks.split(separator: "\n") {
            // "1: FLOCK  ADVISORY  WRITE 708 fd:01:131 0 EOF" (proc_locks(5)); of those who wait, "1: -> FLOCK …".
            let fields = line.split(separator: " ")
            guard fields.count >= 6, fields[1] == "FLOCK", let pid = pid_t(fields[4]), pid > 0 else { continue }
            let place = fields[5].split(separator: ":")
            guard place.count == 3, UInt(place[0], radix: 16) == major, UInt(place[1], radix: 16) == minor,
                UInt(place[2]) == file.st_ino
            else { continue }
            return pid
        }
        return nil
    }

    func holder() -> pid_t? {
        guard let status = try? file.status(), let locks = Self.kernelLocks() else { return nil }
        return Self.holder(of: status, in: locks)
    }

    /// Its size is said to be 0.
    private static func kernelLocks() -> String? {
        guard let file = try? FileDescriptor(opening: "/proc/locks", O_RDONLY) else { return nil }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while let count = try? buffer.withUnsafeMutableBytes({ try file.read(into: $0) }), count > 0 {
            text += buffer.prefix(count)
        }
        return String(decoding: text, as: UTF8.self)
    }
}
