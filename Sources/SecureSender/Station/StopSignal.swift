import CLinux
import Files
import Glibc
import Synchronization

/// Whether somebody wants us to end, and waiting that ends with that.
final class StopSignal: Sendable {
    /// How long what is under way may take from then on. The default of systemd is 90 s (TimeoutStopSec).
    static let patience: Duration = .seconds(10)

    /// Readable once it is wanted, and from then on.
    private let descriptor: FileDescriptor?
    private let isKnown = Atomic(false)

    /// Nobody ever wants it.
    init() {
        descriptor = nil
    }

    /// Readable once it is wanted, and from then on.
    init(_ descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    /// SIGTERM or Ctrl-C wants it; a second one ends the program at once.
    static func fromSignals() -> StopSignal {
        let number = linux_stop_signals()
        return number >= 0 ? StopSignal(FileDescriptor(takingOwnershipOf: number, path: "signals")) : StopSignal()
    }

    var isWanted: Bool {
        if descriptor != nil { wait(until: .now) }
        return isKnown.load(ordering: .relaxed)
    }

    /// Returns at that time, or before if `other` is readable or we are to end.
    func wait(until time: Uptime, or other: FileDescriptor? = nil) {
        guard !isKnown.load(ordering: .relaxed) else { return }
        // poll(2) ignores negative numbers.
        var events = [descriptor, other].map { pollfd(fd: $0?.number ?? -1, events: Int16(POLLIN), revents: 0) }
        while poll(&events, 2, (time - .now).milliseconds) < 0, errno == EINTR {}
        if events[0].revents != 0 { isKnown.store(true, ordering: .relaxed) }
    }
}
