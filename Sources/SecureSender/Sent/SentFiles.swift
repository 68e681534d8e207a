import Files
import Glibc
import UploadProtocol

/// A file that the receiver holds, and the proof.
struct AcknowledgedFile: Hashable, Sendable {
    let file: OutgoingFile
    let receipt: SignedReceipt
}

/// What became of a file that was to be moved.
enum MoveOutcome: Hashable, Sendable {
    case moved(as: UploadPath)
    /// It is no longer the file that was sent; it stays.
    case changed
    case failed(SystemCallError)
}

/// Moves files that the receiver holds out of the way, each with its receipt beside it.
///
/// At every moment a file is in one of the two folders, and never in the one for sent files without a durable receipt.
/// Files are taken in batches, so that they share the syncs of their folders.
struct SentFiles {
    let source: Folder
    let root: Folder

    /// One outcome for each of `batch`, in its order, after all that was moved is durable.
    func move(_ batch: [AcknowledgedFile]) -> [MoveOutcome] {
        var moves = batch.map { Move($0) }
        do throws(SystemCallError) {
            // Another run may move files from elsewhere to this folder.
            let lock = try root.lock()
            defer { withExtendedLifetime(lock) {} }
            var claimed: Set<String> = []
            for index in moves.indices {
                moves[index].attempt { move throws(MoveObstacle) in try place(&move, claimed: &claimed) }
            }
            synchronize(\.target, of: &moves)
            for index in moves.indices {
                moves[index].attempt { move throws(MoveObstacle) in try take(&move) }
            }
            synchronize(\.target, of: &moves)
            synchronize(\.source, of: &moves)
        } catch {
            return batch.map { _ in .failed(error) }
        }
        return moves.map(\.outcome)
    }
}

extension SentFiles {
    /// Writes the receipt under the first free name.
    private func place(_ move: inout Move, claimed: inout Set<String>) throws(MoveObstacle) {
        let path = move.file.file.path
        let parents = path.segments.dropLast()
        let source = try failing { () throws(SystemCallError) in try self.source.folder(parents) }
        try checkUnchanged(move.file.file, in: source)
        let target = try failing { () throws(SystemCallError) in
            var folder = root
            for name in parents { folder = try folder.makeFolder(name) }
            return folder
        }
        for attempt in 1... {
            let name = sentName(path.name, attempt: attempt)
            let key = (parents + [name]).joined(separator: "/")
            let isFree = try failing { () throws(SystemCallError) in try target.status(of: name) == nil }
            guard isFree, !claimed.contains(key) else { continue }
            let contents = ReceiptFile(move.file.receipt, digest: move.file.file.digest, name: name).contents
            let receiptName = name + UploadPath.receiptSuffix
            try failing { () throws(SystemCallError) in
                // A receipt without its file is what a loss of power leaves between the two: the file follows now.
                if try target.status(of: receiptName) != nil { try target.remove(receiptName) }
                try target.writeNewFile(receiptName, contents)
            }
            claimed.insert(key)
            move.source = source
            move.target = target
            move.name = name
            return
        }
    }

    /// Moves the file itself, once its receipt is durable.
    private func take(_ move: inout Move) throws(MoveObstacle) {
        guard let source = move.source, let target = move.target else { return }
        let file = move.file.file
        do throws(MoveObstacle) {
            try checkUnchanged(file, in: source)
            try failing { () throws(SystemCallError) in try source.move(file.path.name, to: target, as: move.name) }
            let moved = try failing { () throws(SystemCallError) in try target.status(of: move.name) }
            // A writer may have been quicker than we between the last look and the move.
            guard let moved, Fingerprint(moved).isSameContent(as: file.fingerprint) else {
                try failing { () throws(SystemCallError) in
                    try target.move(move.name, to: source, as: file.path.name)
                }
                throw .changed
            }
        } catch {
            if ((try? target.status(of: move.name)) ?? nil) == nil {
                try? target.remove(move.name + UploadPath.receiptSuffix)
            }
            throw error
        }
        let parents = file.path.segments.dropLast()
        guard let path = try? UploadPath(segments: parents + [move.name]) else { return }
        move.outcome = .moved(as: path)
    }

    private func checkUnchanged(_ file: OutgoingFile, in folder: Folder) throws(MoveObstacle) {
        let status = try failing { () throws(SystemCallError) in try folder.status(of: file.path.name) }
        guard let status, Fingerprint(status) == file.fingerprint else { throw .changed }
    }

    /// Syncs each folder once; where that fails, nothing in it counts as moved.
    private func synchronize(_ folder: WritableKeyPath<Move, Folder?>, of moves: inout [Move]) {
        var results: [String: SystemCallError?] = [:]
        for index in moves.indices {
            guard let wanted = moves[index][keyPath: folder] else { continue }
            if results[wanted.path] == nil {
                do throws(SystemCallError) {
                    try wanted.synchronize()
                    results[wanted.path] = .some(nil)
                } catch {
                    results[wanted.path] = .some(error)
                }
            }
            if case .some(.some(let error)) = results[wanted.path] { moves[index].fail(.failed(error)) }
        }
    }
}

private enum MoveObstacle: Error {
    case changed
    case failed(SystemCallError)
}

private func failing<Result>(_ body: () throws(SystemCallError) -> Result) throws(MoveObstacle) -> Result {
    do throws(SystemCallError) { return try body() } catch { throw .failed(error) }
}

/// One file of a batch on its way.
private struct Move {
    let file: AcknowledgedFile
    /// Where it is and where it goes; set once its receipt is placed.
    var source: Folder?
    var target: Folder?
    /// In `target`.
    var name = ""
    var outcome = MoveOutcome.changed

    init(_ file: AcknowledgedFile) {
        self.file = file
    }

    mutating func attempt(_ step: (inout Move) throws(MoveObstacle) -> Void) {
        do throws(MoveObstacle) { try step(&self) } catch { fail(error) }
    }

    mutating func fail(_ obstacle: MoveObstacle) {
        // What failed takes no further step.
        source = nil
        target = nil
        switch obstacle {
        case .changed: outcome = .changed
        case .failed(let error): outcome = .failed(error)
        }
    }
}
