import CommandSupport
import Logging
import Synchronization

/// Why files are unusable, and what is to count until they are mended.
struct PartlyUsable<Value: Sendable>: Error, CustomStringConvertible {
    let value: Value
    /// Than what counted before.
    let isLess: Bool
    let reason: any Error

    var description: String { "\(reason)" }
}

/// What files say while a writer may be at them, who has emptied them or not yet ended the last line: it counts if it stays.
struct PerhapsUnfinished<Value: Sendable>: Error {
    let outcome: Result<Value, any Error>
}

private let retryEvery = Duration.seconds(1)
private let remindEvery = Duration.seconds(300)
private let longestUnfinished = Duration.seconds(1)

/// A value that is made of files, and made anew as soon as one of them changes: all of the new one or all of the old.
final class WatchedFiles<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        /// `nil` in place of a file that was not there.
        var versions: [FileVersion?]
        /// When they were first seen like that.
        var unfinishedSince: ContinuousClock.Instant?
        /// They have stayed like that, and count.
        var isUnfinished = false
        var triedAt = ContinuousClock.Instant.now
        var failure: Failure?
    }

    private struct Failure {
        let text: String
        /// Whether something was taken out since the files became unusable.
        let isLess: Bool
        let toldAt = ContinuousClock.now
    }

    private let what: String
    private let paths: [String]
    private let logger: Logger
    private let load: @Sendable (_ earlier: Value?) throws -> Value
    private let describe: @Sendable (Value) -> Logger.Metadata
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state: Mutex<State>

    /// `what`: a word for the log. `load` is given what the files said before; it may throw `PartlyUsable` and
    /// `PerhapsUnfinished`. `describe`: what
    /// the log says about a new value. Throws what `load` throws.
    init(
        _ what: String, paths: [String], logger: Logger, load: @escaping @Sendable (_ earlier: Value?) throws -> Value,
        describe: @escaping @Sendable (Value) -> Logger.Metadata = { _ in [:] },
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) throws {
        self.what = what
        self.paths = paths
        self.logger = logger
        self.load = load
        self.describe = describe
        self.now = now
        // The versions first: a change in between is then seen as a change at the next look.
        let versions = paths.map { FileVersion($0) }
        state = Mutex(State(value: try load(nil), versions: versions))
    }

    /// What the files say now. If they have become unusable, what they said before still counts, and the log says so.
    var current: Value {
        state.withLock { state in
            let versions = paths.map { FileVersion($0) }
            let isDoubtful = state.versions.contains { $0?.isRecent ?? true }
            // What failed once, for want of descriptors perhaps, may succeed without the file changing again.
            let isDue = state.failure != nil && .now - state.triedAt > retryEvery
            if versions != state.versions || isDoubtful || isDue { reload(&state, versions) }
            return state.value
        }
    }

    /// `nil` if the files are in order; what is said about them otherwise, for people.
    var trouble: String? { state.withLock { $0.failure == nil ? nil : "\(what) unusable" } }

    /// Reads the files again, changed or not, because somebody asked for it; the log answers in any case.
    func reload() {
        state.withLock { reload(&$0, paths.map { FileVersion($0) }, isAsked: true) }
    }

    private func reload(_ state: inout State, _ versions: [FileVersion?], isAsked: Bool = false) {
        var loaded = Result { try load(state.value) }
        // Changed while it was read, it may be neither the old nor the new: the next look decides.
        guard isAsked || paths.map({ FileVersion($0) }) == versions else { return }
        if case .failure(let error as PerhapsUnfinished<Value>) = loaded {
            let counts = state.isUnfinished && versions == state.versions
            guard isAsked || counts || !isBeingWritten(&state, versions) else { return }
            loaded = error.outcome
            state.isUnfinished = true
        } else {
            state.isUnfinished = false
        }
        state.unfinishedSince = nil
        let isChange = versions != state.versions
        state.versions = versions
        state.triedAt = .now
        do {
            state.value = try loaded.get()
            if isAsked || isChange || state.failure != nil {
                logger.info(
                    "\(what) reloaded",
                    metadata: describe(state.value).merging(["files": "\(paths.joined(separator: " "))"]) { $1 })
            }
            state.failure = nil
        } catch {
            let usable = error as? PartlyUsable<Value>
            if let usable { state.value = usable.value }
            // Said now and then, not at each look: somebody believes that a new line counts.
            let (text, isLess) = ("\(error)", usable?.isLess ?? false)
            guard
                isAsked || isLess || state.failure?.text != text
                    || state.failure.map({ .now - $0.toldAt > remindEvery }) ?? true
            else { return }
            let failure = Failure(text: text, isLess: isLess || state.failure?.isLess ?? false)
            state.failure = failure
            logger.error(
                "\(what) unusable, what they said before still counts\(failure.isLess ? ", less what was taken out" : "")",
                metadata: describe(state.value).merging(Self.words(for: error)) { $1 })
        }
    }

    /// Until its writer is done, nobody is to be refused by what is not there yet. The file's times alone would not do: who
    /// touches it again and again would keep what it said before for ever.
    private func isBeingWritten(_ state: inout State, _ versions: [FileVersion?]) -> Bool {
        let since = state.unfinishedSince ?? now()
        state.unfinishedSince = since
        return now() - since <= longestUnfinished && versions.contains { $0?.isYoung ?? true }
    }

    private static func words(for error: any Error) -> Logger.Metadata {
        guard let failure = ((error as? PartlyUsable<Value>)?.reason ?? error) as? CommandFailure else {
            return ["reason": "\(error)"]
        }
        var words: Logger.Metadata = [
            "reason": "\(failure.reason.map { "\(failure.message): \($0)" } ?? failure.message)"
        ]
        if let hint = failure.hint { words["hint"] = "\(hint)" }
        return words
    }
}
