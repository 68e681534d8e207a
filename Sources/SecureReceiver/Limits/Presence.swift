import NIOCore
import Synchronization

/// What all may know of one connection: whether it may go if another one needs its place, and when it was last heard.
final class Presence: Sendable {
    let channel: any Channel
    let opened: NIODeadline
    private let lastHeard: Atomic<UInt64>
    private let makesWay = Atomic<Bool>(false)

    init(_ channel: any Channel, now: NIODeadline = .now()) {
        self.channel = channel
        opened = now
        lastHeard = Atomic(now.uptimeNanoseconds)
    }

    func heard(_ now: NIODeadline) {
        lastHeard.store(now.uptimeNanoseconds, ordering: .relaxed)
    }

    var mayMakeWay: Bool {
        get { makesWay.load(ordering: .relaxed) }
        set { makesWay.store(newValue, ordering: .relaxed) }
    }

    var silentSince: NIODeadline { .uptimeNanoseconds(lastHeard.load(ordering: .relaxed)) }
}
