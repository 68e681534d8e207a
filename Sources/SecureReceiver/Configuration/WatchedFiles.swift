import Files
import Logging
import Synchronization

/// A value that is made of files, and made anew as soon as one of them changes: all of the new one or all of the old.
final class WatchedFiles<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        /// `nil` in place of a file that was not there.
        var versions: [FileVersion?]
        var failure: String?
    }

    private let what: String
    private let paths: [String]
    private let logger: Logger
    private let load: @Sendable () throws -> Value
    private let state: Mutex<State>

    /// `what`: a word for the log. Throws what `load` throws.
    init(_ what: String, paths: [String], logger: Logger, load: @escaping @Sendable () throws -> Value) throws {
        self.what = what
        self.paths = paths
        self.logger = logger
        self.load = load
        // The versions first: a change in between is then seen as a change at the next look.
        let versions = paths.map { FileVersion($0) }
        state = Mutex(State(value: try load(), versions: versions))
    }

    /// What the files say now. If they have become unusable, what they said before still counts, and the log says so.
    var current: Value {
        state.withLock { state in
            let versions = paths.map { FileVersion($0) }
            if versions != state.versions || state.versions.contains(where: { $0?.isRecent ?? true }) {
                reload(&state, versions)
            }
            return state.value
        }
    }

    private func reload(_ state: inout State, _ versions: [FileVersion?]) {
        let isChange = versions != state.versions
        state.versions = versions
        do {
            state.value = try load()
            if isChange || state.failure != nil { logger.info("\(what) read again", metadata: ["files": "\(paths)"]) }
            state.failure = nil
        } catch {
            // Said once, not at each look.
            guard state.failure != "\(error)" else { return }
            state.failure = "\(error)"
            logger.error(
                "\(what) unusable, what they were before still counts",
                metadata: ["files": "\(paths)", "error": "\(error)"])
        }
    }
}
