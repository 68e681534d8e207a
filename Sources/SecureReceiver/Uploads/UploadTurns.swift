import NIOCore
import Synchronization
import UploadStore

/// At an upload in parts one request works at a time. A newer one ends an older one that still waits for bytes: a sender that
/// asks again has given its earlier connection up, which here may look alive for minutes.
final class UploadTurns: Sendable {
    private struct Line {
        /// Of the request whose turn it is, while it can be ended.
        var end: (@Sendable () -> Void)?
        var waiting: CircularBuffer<@Sendable (UploadTurn) -> Void> = []
    }

    private let lines = Mutex<[PartialKey: Line]>([:])

    /// Calls `begin` when it is this request's turn, at once or on the thread where the one before has ended.
    func take(_ key: PartialKey, _ begin: @escaping @Sendable (UploadTurn) -> Void) {
        let (isFree, end) = lines.withLock { lines in
            guard lines[key] != nil else {
                lines[key] = Line()
                return (true, (@Sendable () -> Void)?.none)
            }
            lines[key]?.waiting.append(begin)
            return (false, lines[key]?.end)
        }
        if isFree { begin(UploadTurn(key, of: self)) }
        end?()
    }

    fileprivate func mayEnd(_ key: PartialKey, by end: (@Sendable () -> Void)?) {
        let isWanted = lines.withLock { lines in
            lines[key]?.end = end
            return lines[key]?.waiting.isEmpty == false
        }
        if isWanted { end?() }
    }

    fileprivate func pass(_ key: PartialKey) {
        let next = lines.withLock { lines in
            let next = lines[key]?.waiting.popFirst()
            if next == nil { lines[key] = nil } else { lines[key]?.end = nil }
            return next
        }
        next?(UploadTurn(key, of: self))
    }
}

/// A request's turn at an upload, for as long as somebody holds it.
final class UploadTurn: Sendable {
    private let key: PartialKey
    private let turns: UploadTurns

    fileprivate init(_ key: PartialKey, of turns: UploadTurns) {
        self.key = key
        self.turns = turns
    }

    deinit {
        turns.pass(key)
    }

    /// From now on the request only waits for its sender: `end` is called when another one wants the turn. It may be called more
    /// than once.
    func mayEnd(by end: @escaping @Sendable () -> Void) { turns.mayEnd(key, by: end) }

    /// From now on the request is carried out whoever waits.
    func goesOn() { turns.mayEnd(key, by: nil) }
}
