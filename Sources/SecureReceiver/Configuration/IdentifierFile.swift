import Files
import Glibc
import Logging
import Synchronization
import UploadProtocol

/// `ids.txt`, read again as soon as it changes: a line taken out is refused from the next request on.
final class IdentifierFile: Sendable {
    private struct State {
        var list: IdentifierList
        /// `nil` where there was no file.
        var lookedAt: Version?
        var failure: String?
    }

    /// What changes when a file does.
    private struct Version: Equatable {
        let inode: UInt64
        let size: Int64
        let modified: [Int]
        let changed: [Int]
        /// Written so shortly before it was read that a further change might not show in its times.
        let isRecent: Bool
    }

    private let path: String
    private let logger: Logger
    private let state: Mutex<State>

    /// Far more than a lab has Pis; what is larger is not an `ids.txt`.
    private static let mostBytes = 64 * 1024 * 1024

    init(path: String, logger: Logger) throws {
        self.path = path
        self.logger = logger
        // The version first: a change in between is then seen as a change at the next look.
        let version = try Self.version(path)
        let list = try IdentifierList(parsing: readFile(path, limit: Self.mostBytes))
        state = Mutex(State(list: list, lookedAt: version))
    }

    /// What the file says now. If it has become unreadable, what it said before still counts, and the log says so.
    var current: IdentifierList {
        state.withLock { state in
            let version = try? Self.version(path)
            if version == nil || version?.isRecent == true || version != state.lookedAt {
                reload(&state, version)
            }
            return state.list
        }
    }

    private func reload(_ state: inout State, _ version: Version?) {
        state.lookedAt = version
        do {
            state.list = try IdentifierList(parsing: readFile(path, limit: Self.mostBytes))
            if let failure = state.failure {
                logger.info("identifiers readable again", metadata: ["after": "\(failure)"])
            }
            state.failure = nil
        } catch {
            // Said once, not at each request.
            guard state.failure != "\(error)" else { return }
            state.failure = "\(error)"
            logger.error(
                "identifiers unreadable, the earlier ones still count",
                metadata: ["file": "\(path)", "error": "\(error)"])
        }
    }

    private static func version(_ path: String) throws -> Version {
        var status = stat()
        guard stat(path, &status) == 0 else { throw SystemCallError("look at", path) }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        // The kernel's time stamps move in ticks of up to 10 ms.
        let age = (now.tv_sec - status.st_ctim.tv_sec) * 1_000 + (now.tv_nsec - status.st_ctim.tv_nsec) / 1_000_000
        return Version(
            inode: UInt64(status.st_ino), size: Int64(status.st_size),
            modified: [status.st_mtim.tv_sec, status.st_mtim.tv_nsec],
            changed: [status.st_ctim.tv_sec, status.st_ctim.tv_nsec], isRecent: (-20...20).contains(age))
    }
}
