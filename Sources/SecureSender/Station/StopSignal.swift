import CLinux
import Files
import Glibc
import Synchronization

/// Whether somebody wants us to end, and waiting that ends with that.
final class StopSignal: Sendable {
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
        if !isKnown.load(ordering: .relaxed) { poll(other, for: Int16(POLLIN), until: time) }
    }

    /// The same for any `events` (poll(2)), or if `third` is readable; once it is known that we are to end, that cuts nothing
    /// short any more: something may still be under way. Returns whether `other` is ready.
    @discardableResult
    func poll(
        _ other: FileDescriptor?, for events: Int16, or third: FileDescriptor? = nil, until time: Uptime
    ) -> Bool {
        // poll(2) ignores negative numbers.
        var list = [
            pollfd(
                fd: isKnown.load(ordering: .relaxed) ? -1 : descriptor?.number ?? -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: other?.number ?? -1, events: events, revents: 0),
            pollfd(fd: third?.number ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        while Glibc.poll(&list, 3, (time - .now).milliseconds) < 0, errno == EINTR {}
        if list[0].revents != 0 { isKnown.store(true, ordering: .relaxed) }
        return list[1].revents != 0
    }
}
