import Files
import Logging
import Synchronization

private let remindEvery = Duration.seconds(300)

/// A value that is made of files, and made anew as soon as one of them changes: all of the new one or all of the old.
final class WatchedFiles<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        /// `nil` in place of a file that was not there.
        var versions: [FileVersion?]
        var failure: (text: String, toldAt: ContinuousClock.Instant)?
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
            // Said now and then, not at each look: somebody believes that a line taken out counts.
            let text = "\(error)"
            guard state.failure?.text != text || state.failure.map({ .now - $0.toldAt > remindEvery }) ?? true else {
                return
            }
            state.failure = (text, .now)
            logger.error(
                "\(what) unusable, what they were before still counts",
                metadata: ["files": "\(paths)", "error": "\(error)"])
        }
    }
}
