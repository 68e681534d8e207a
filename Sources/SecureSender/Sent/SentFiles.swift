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
            moves.attemptEach { move throws(MoveObstacle) in try writeReceipt(&move, claimed: &claimed) }
            for move in moves { move.receipt?.startWriting() }
            moves.attemptEach { move throws(MoveObstacle) in try nameReceipt(of: move) }
            synchronize(\.target, of: &moves)
            moves.attemptEach { move throws(MoveObstacle) in try moveFile(&move) }
            synchronize(\.target, of: &moves)
            synchronize(\.source, of: &moves)
        } catch {
            return batch.map { _ in .failed(error) }
        }
        return moves.map(\.outcome)
    }
}

extension SentFiles {
    /// Finds the first free name and writes the receipt for it, which nobody sees yet.
    private func writeReceipt(_ move: inout Move, claimed: inout Set<String>) throws(MoveObstacle) {
        let path = move.acknowledged.file.path
        let parents = path.segments.dropLast()
        let source = try failing { () throws(SystemCallError) in try self.source.folder(parents) }
        try checkUnchanged(move.acknowledged.file, in: source)
        try failing { () throws(SystemCallError) in
            var target = root
            for name in parents { target = try target.makeFolder(name) }
            let name = try freeName(for: path, in: target, claimed: &claimed)
            let receipt = ReceiptFile(move.acknowledged.receipt, digest: move.acknowledged.file.digest, name: name)
            move.receipt = try NamelessFile(in: target, contents: receipt.contents)
            (move.source, move.target, move.name) = (source, target, name)
        }
    }

    private func freeName(
        for path: UploadPath, in folder: Folder, claimed: inout Set<String>
    ) throws(SystemCallError) -> String {
        var attempt = 1
        while true {
            let name = sentName(path.name, attempt: attempt)
            // Another of the batch may have it without anything to be seen of that.
            let key = folder.path(of: name)
            if !claimed.contains(key), try folder.status(of: name) == nil {
                claimed.insert(key)
                return name
            }
            attempt += 1
        }
    }

    private func nameReceipt(of move: Move) throws(MoveObstacle) {
        guard let receipt = move.receipt, let target = move.target else { return }
        try failing { () throws(SystemCallError) in
            do throws(SystemCallError) {
                try receipt.synchronize()
                // A receipt without its file is what a loss of power leaves between the two: the file follows now.
                if try target.status(of: move.receiptName) != nil { try target.remove(move.receiptName) }
                try receipt.link(as: move.receiptName)
            } catch {
                receipt.discard()
                throw error
            }
        }
    }

    /// Moves the file itself, once its receipt is durable.
    private func moveFile(_ move: inout Move) throws(MoveObstacle) {
        guard let source = move.source, let target = move.target else { return }
        let file = move.acknowledged.file
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
            removeReceipt(of: move)
            throw error
        }
        guard let path = try? UploadPath(segments: file.path.segments.dropLast() + [move.name]) else { return }
        move.outcome = .moved(as: path)
    }

    /// For a file that stays where it was.
    private func removeReceipt(of move: Move) {
        do throws(SystemCallError) {
            guard let target = move.target, try target.status(of: move.name) == nil else { return }
            try target.remove(move.receiptName)
        } catch {
            // A later move of the same name finds it without its file, and takes its place.
        }
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
    let acknowledged: AcknowledgedFile
    /// Where it is and where it goes, and its name there; set with its receipt, and unset once it goes no further.
    var source: Folder?
    var target: Folder?
    var name = ""
    var receipt: NamelessFile?
    var outcome = MoveOutcome.changed

    init(_ acknowledged: AcknowledgedFile) {
        self.acknowledged = acknowledged
    }

    var receiptName: String { name + UploadPath.receiptSuffix }

    mutating func fail(_ obstacle: MoveObstacle) {
        (source, target, receipt) = (nil, nil, nil)
        switch obstacle {
        case .changed: outcome = .changed
        case .failed(let error): outcome = .failed(error)
        }
    }
}

extension [Move] {
    fileprivate mutating func attemptEach(_ step: (inout Move) throws(MoveObstacle) -> Void) {
        for index in indices {
            do throws(MoveObstacle) { try step(&self[index]) } catch { self[index].fail(error) }
        }
    }
}
