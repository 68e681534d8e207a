import NIOCore
import Synchronization

/// What all may know of one connection: whether anything is under way on it, and when it was last heard.
final class Presence: Sendable {
    let channel: any Channel
    let opened: NIODeadline
    private let lastHeard: Atomic<UInt64>
    private let idle = Atomic<Bool>(false)

    init(_ channel: any Channel, now: NIODeadline = .now()) {
        self.channel = channel
        opened = now
        lastHeard = Atomic(now.uptimeNanoseconds)
    }

    func heard(_ now: NIODeadline) {
        lastHeard.store(now.uptimeNanoseconds, ordering: .relaxed)
    }

    var isIdle: Bool {
        get { idle.load(ordering: .relaxed) }
        set { idle.store(newValue, ordering: .relaxed) }
    }

    var silentSince: NIODeadline { .uptimeNanoseconds(lastHeard.load(ordering: .relaxed)) }
}
