import CLinux
import Files
import Glibc

/// Tells another thread that something has happened (eventfd(2)).
struct Event: Sendable {
    /// Readable if something has.
    let descriptor: FileDescriptor

    /// `nil` if the system gives none.
    init?() {
        let number = linux_event()
        guard number >= 0 else { return nil }
        descriptor = FileDescriptor(takingOwnershipOf: number, path: "event")
    }

    func signal() {
        // It fails only if more was told than 64 bits count, and is readable then.
        var count: UInt64 = 1
        _ = write(descriptor.number, &count, MemoryLayout.size(ofValue: count))
    }

    /// Forgets what has happened so far.
    func clear() {
        var count: UInt64 = 0
        _ = read(descriptor.number, &count, MemoryLayout.size(ofValue: count))
    }

    /// `time`: for ever if `nil`.
    func wait(atMost time: Duration? = nil) {
        let deadline = time.map { Uptime.now + $0 }
        var event = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        while poll(&event, 1, deadline.map { ($0 - .now).milliseconds } ?? -1) < 0, errno == EINTR {}
        clear()
    }
}
