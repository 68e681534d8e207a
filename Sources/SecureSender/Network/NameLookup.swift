import Files
import Glibc
import Synchronization

/// A question for the addresses of a name. getaddrinfo(3) cannot be interrupted, and name servers that do not answer take it
/// half a minute: so it has a thread of its own, for which nobody waits any longer when we are to end.
final class NameLookup: Sendable {
    enum Answer: Sendable {
        /// Never empty.
        case found([NetworkAddress])
        /// As gai_strerror(3) takes it.
        case failed(code: Int32)
    }

    private let receiver: ReceiverAddress
    private let ask: @Sendable (ReceiverAddress, Int32) -> Answer
    private let answered = Mutex<Answer?>(nil)

    /// `ask`: getaddrinfo(3), with flags.
    init(_ receiver: ReceiverAddress, ask: @escaping @Sendable (ReceiverAddress, Int32) -> Answer = NameLookup.ask) {
        self.receiver = receiver
        self.ask = ask
    }

    /// `nil` if `stop` is wanted before there is one. `tell`: is called about every second, with the time that has gone.
    func answer(stop: StopSignal, tell: (Duration) -> Void) -> Answer? {
        // An address needs no name server.
        if case .found(let addresses) = ask(receiver, AI_NUMERICHOST) { return .found(addresses) }
        guard let hasAnswered = startThread() else { return ask(receiver, 0) }
        let start = Uptime.now
        while !stop.poll(hasAnswered, for: Int16(POLLIN), until: .now + SenderSettings.wordInterval) {
            if stop.isWanted { return nil }
            tell(.now - start)
        }
        return answered.withLock { $0 }
    }

    @Sendable static func ask(_ receiver: ReceiverAddress, flags: Int32) -> Answer {
        var hints = addrinfo()
        hints.ai_flags = flags
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(receiver.host, String(receiver.port), &hints, &list)
        guard code == 0 else { return .failed(code: code) }
        defer { freeaddrinfo(list) }
        return .found(
            sequence(first: list, next: { $0?.pointee.ai_next }).compactMap {
                $0.flatMap { NetworkAddress($0.pointee) }
            })
    }

    /// Returns what is readable when the answer is there; `nil` if there can be no thread.
    private func startThread() -> FileDescriptor? {
        guard let hasAnswered = Event() else { return nil }
        let thread = BackgroundThread {
            let answer = self.ask(self.receiver, 0)
            self.answered.withLock { $0 = answer }
            hasAnswered.signal()
        }
        guard let thread else { return nil }
        thread.detach()
        return hasAnswered.descriptor
    }
}
