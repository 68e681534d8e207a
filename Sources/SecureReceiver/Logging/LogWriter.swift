import Dispatch
import Glibc
import Logging
import Synchronization

/// Writes lines behind the back of those who log: a terminal that is stopped, a pipe that nobody reads or a full disk must
/// hold up no upload. What does not fit while the reader waits is dropped, and the log says how much.
final class LogWriter: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        var isWriting = false
        /// Lines.
        var dropped = 0
    }

    private let descriptor: Int32
    private let style: LogStyle
    private let mostWaiting: Int
    private let queue = DispatchQueue(label: "log")
    private let state = Mutex(State())

    /// `mostWaiting`: bytes that may wait for the reader.
    init(descriptor: Int32, style: LogStyle, mostWaiting: Int = 1 << 20) {
        self.descriptor = descriptor
        self.style = style
        self.mostWaiting = mostWaiting
    }

    /// Never waits. `line` ends with a newline.
    func write(_ line: [UInt8]) {
        let begins = state.withLock { state in
            guard state.waiting.count + line.count <= mostWaiting else {
                state.dropped += 1
                return false
            }
            state.waiting += line
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if begins { queue.async { self.writeWaiting() } }
    }

    /// Waits until everything is written, but not for ever: at the end of the process.
    func flush(within time: DispatchTimeInterval = .seconds(2)) {
        let written = DispatchSemaphore(value: 0)
        queue.async { written.signal() }
        _ = written.wait(timeout: .now() + time)
    }

    private func writeWaiting() {
        while let bytes = takeWaiting() {
            let unwritten = write(all: bytes)
            guard !unwritten.isEmpty else { continue }
            let lines = unwritten.count { $0 == UInt8(ascii: "\n") }
            state.withLock { $0.dropped += lines }
        }
    }

    /// `nil` if nothing waits any more.
    private func takeWaiting() -> [UInt8]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isWriting = false
                return nil
            }
            defer { (state.waiting, state.dropped) = ([], 0) }
            guard state.dropped > 0 else { return state.waiting }
            let notice = LogLine(
                level: .warning, message: "log lines dropped: nobody took them in time",
                metadata: ["lines": .stringConvertible(state.dropped)])
            return state.waiting + notice.bytes(style)
        }
    }

    /// Returns what could not be written.
    private func write(all bytes: [UInt8]) -> ArraySlice<UInt8> {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // Another program that shares the terminal made it non-blocking.
                var readiness = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&readiness, 1, -1)
            } else if errno != EINTR {
                break
            }
        }
        return rest
    }
}
