import NIOCore

/// Puts answers into the order of their requests (RFC 9112, section 9.3.2), whichever is ready first.
struct ResponseQueue {
    /// A request's place.
    struct Slot: Hashable, Sendable {
        fileprivate let number: Int
    }

    enum Output: Hashable, Sendable {
        /// 100 (Continue) for the request whose turn it is.
        case goAhead
        case response(Response)
    }

    private enum Entry {
        case waiting(wantsGoAhead: Bool)
        case ready(Response)
    }

    private var entries: CircularBuffer<Entry> = []
    private var firstNumber = 0

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }

    /// `wantsGoAhead`: the client waits for 100 (Continue), which is due when the answers before it are out.
    mutating func append(wantsGoAhead: Bool = false) -> Slot {
        entries.append(.waiting(wantsGoAhead: wantsGoAhead))
        return Slot(number: firstNumber + entries.count - 1)
    }

    /// From now on the client of a request that has not been answered waits for 100 (Continue).
    mutating func goAhead(_ slot: Slot) {
        let index = slot.number - firstNumber
        guard (0..<entries.count).contains(index), case .waiting = entries[offset: index] else { return }
        entries[offset: index] = .waiting(wantsGoAhead: true)
    }

    /// An answer to a request that was answered already is dropped: the first one counts.
    mutating func complete(_ slot: Slot, with response: Response) {
        let index = slot.number - firstNumber
        guard (0..<entries.count).contains(index), case .waiting = entries[offset: index] else { return }
        entries[offset: index] = .ready(response)
    }

    /// For the newest request, when the rest of it will never come.
    mutating func removeLast() {
        entries.removeLast()
    }

    /// What may be written now.
    mutating func next() -> Output? {
        switch entries.first {
        case .ready(let response):
            entries.removeFirst()
            firstNumber += 1
            return .response(response)
        case .waiting(wantsGoAhead: true):
            entries[offset: 0] = .waiting(wantsGoAhead: false)
            return .goAhead
        case .waiting, nil:
            return nil
        }
    }
}
