import CLinux
import Files
import Glibc

/// Whether somebody wants us to end, and waiting that ends with that.
final class StopSignal {
    /// How long what is under way may take from then on. The default of systemd is 90 s (TimeoutStopSec).
    static let patience: Duration = .seconds(10)

    /// Readable once it is wanted.
    private let descriptor: FileDescriptor?
    private var wanted = false

    /// Nobody ever wants it.
    init() {
        descriptor = nil
    }

    /// Readable once it is wanted.
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
        return wanted
    }

    /// Returns at that time, or before if `other` is readable or we are to end.
    func wait(until time: Uptime, or other: FileDescriptor? = nil) {
        guard !wanted else { return }
        // poll(2) ignores negative numbers.
        var events = [descriptor, other].map { pollfd(fd: $0?.number ?? -1, events: Int16(POLLIN), revents: 0) }
        while poll(&events, 2, (time - .now).milliseconds) < 0, errno == EINTR {}
        guard let descriptor, events[0].revents != 0 else { return }
        wanted = true
        // What is not taken would end us as soon as it may.
        var signals = [UInt8](repeating: 0, count: 1024)
        _ = read(descriptor.number, &signals, signals.count)
        linux_unblock_stop_signals()
    }
}
