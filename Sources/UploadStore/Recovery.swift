import Files
import Glibc
import OpenSSL

/// What opening a store repaired.
package struct Recovery: Sendable {
    /// Replacements that a crash had cut off.
    package internal(set) var finished = 0
    /// Replacements that could not be finished and left no trace: their uploads were never acknowledged.
    package internal(set) var undone = 0
    /// Files without a name to go to.
    package internal(set) var temporariesRemoved = 0
    /// What is still to be done, and why it failed; tried again before the next upload of the same path.
    package internal(set) var unfinished: [String] = []
}

extension Replacements {
    /// Finishes or undoes every intent that lies here, and removes what belongs to none.
    func recover() throws -> Recovery {
        var recovery = Recovery()
        var isKept: Set<String> = []
        let names = try directory.names()
        for name in names where name.hasSuffix(Replacement.intentSuffix) {
            let contents = try readAll(directory.open(name, O_RDONLY | O_NONBLOCK), limit: mostIntentBytes)
            let id = String(name.dropLast(Replacement.intentSuffix.count))
            // A torn intent was not synced, so nothing had been touched.
            guard let replacement = Replacement(parsing: contents, id: id) else { continue }
            guard try isWhole(replacement) else {
                discard(replacement)
                recovery.undone += 1
                continue
            }
            do {
                try carryOut(replacement)
                recovery.finished += 1
            } catch {
                if isUnfinished(replacement) {
                    recovery.unfinished.append("\(replacement.pi)/\(replacement.path): \(error)")
                    isKept.formUnion([replacement.intentName, replacement.contentName, replacement.receiptName])
                } else {
                    recovery.undone += 1
                }
            }
        }
        for name in try directory.names() where !isKept.contains(name) {
            try directory.remove(name)
            recovery.temporariesRemoved += 1
        }
        return recovery
    }

    /// Whether the new content, if it still lies here, is what the intent says.
    private func isWhole(_ replacement: Replacement) throws -> Bool {
        guard let content = try StoredFile(replacement.contentName, in: directory) else { return true }
        return try content.digest() == replacement.digest
    }
}

extension TemporaryFiles {
    /// Those that a crash left; before any new one is made.
    func removeAll() throws -> Int {
        let names = try directory.names()
        for name in names { try directory.remove(name) }
        return names.count
    }
}

/// More than the longest path needs.
private let mostIntentBytes = 16 * 1024
