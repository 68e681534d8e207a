import Files
import Glibc
import OpenSSL

/// What opening a store repaired.
package struct Recovery: Sendable {
    /// Replacements that a crash had cut off.
    package internal(set) var finished = 0
    /// Uploads that could not be finished and left no trace: they were never acknowledged.
    package internal(set) var undone = 0
    /// Files without a name to go to.
    package internal(set) var temporariesRemoved = 0
    /// Uploads in parts that were stored just before the crash, or that cannot be gone on with.
    package internal(set) var partialsRemoved = 0
    /// What is still to be done, and why it failed; tried again before the next upload of the same path.
    package internal(set) var unfinished: [String] = []
}

extension Replacements {
    /// Finishes or undoes every intent that lies here, and removes what belongs to none.
    func recover() throws -> Recovery {
        let directory = try directory
        var recovery = Recovery()
        var isKept: Set<String> = []
        let names = try directory.names()
        for name in names where name.hasSuffix(Replacement.intentSuffix) {
            let id = String(name.dropLast(Replacement.intentSuffix.count))
            do {
                guard let replacement = try readIntent(name, id: id) else { continue }
                switch try finish(replacement) {
                case .finished: recovery.finished += 1
                case .undone: recovery.undone += 1
                case .unfinished(let reason):
                    recovery.unfinished.append("\(replacement.pi)/\(replacement.path): \(reason)")
                    isKept.formUnion(Replacement.names(of: id))
                }
            } catch {
                // One that a bad sector hides must not keep all stations from being served.
                recovery.unfinished.append("\(directory.path(of: name)): \(error)")
                isKept.formUnion(Replacement.names(of: id))
            }
        }
        for name in try directory.names() where !isKept.contains(name) {
            try directory.remove(name)
            recovery.temporariesRemoved += 1
        }
        return recovery
    }

    private enum Outcome {
        case finished
        case undone
        case unfinished(String)
    }

    /// `nil` for a torn intent: it was not synced, so nothing had been touched.
    private func readIntent(_ name: String, id: String) throws -> Replacement? {
        let contents = try readAll(directory.open(name, O_RDONLY | O_NONBLOCK), limit: mostIntentBytes)
        return Replacement(parsing: contents, id: id)
    }

    private func finish(_ replacement: Replacement) throws -> Outcome {
        guard try isWhole(replacement) else {
            discard(replacement)
            return .undone
        }
        do {
            try carryOut(replacement)
            return .finished
        } catch {
            return isUnfinished(replacement) ? .unfinished("\(error)") : .undone
        }
    }

    /// Whether the new content, if it still lies here, is what the intent says.
    private func isWhole(_ replacement: Replacement) throws -> Bool {
        guard let content = try StoredFile(replacement.contentName, in: directory) else { return true }
        return try readings.digest(of: content) == replacement.digest
    }
}

extension TemporaryFiles {
    /// Those that a crash left; before any new one is made.
    func removeAll() throws -> Int {
        let directory = try directory
        let names = try directory.names()
        for name in names { try directory.remove(name) }
        return names.count
    }
}

/// More than the longest path needs.
let mostIntentBytes = 16 * 1024
