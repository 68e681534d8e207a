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
    /// Its path below the folder for sent files.
    case moved(as: String)
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
            var claimed: Set<[UInt8]> = []
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
    private func writeReceipt(_ move: inout Move, claimed: inout Set<[UInt8]>) throws(MoveObstacle) {
        let path = move.acknowledged.file.path
        let parents = path.segments.dropLast()
        let source = try failing { () throws(SystemCallError) in try self.source.folder(parents) }
        try checkUnchanged(move.acknowledged.file, in: source)
        try failing { () throws(SystemCallError) in
            var target = root
            for name in parents { target = try target.makeFolder(name) }
            let name = try freeName(for: move.acknowledged.file, in: target, claimed: &claimed)
            let receipt = ReceiptFile(move.acknowledged.receipt, digest: move.acknowledged.file.digest, name: name)
            move.receipt = try NamelessFile(in: target, contents: receipt.contents)
            (move.source, move.target, move.name) = (source, target, name)
        }
    }

    private func freeName(
        for file: OutgoingFile, in folder: Folder, claimed: inout Set<[UInt8]>
    ) throws(SystemCallError) -> String {
        var attempt = 1
        while true {
            let name = sentName(file.path.name, attempt: attempt)
            // Another of the batch may have it without anything to be seen of that. By bytes: two spellings of the same
            // letters are equal to Swift and still two files.
            let key = Array(folder.path(of: name).utf8)
            if !claimed.contains(key), try folder.status(of: name) == nil,
                try isReceiptNameFree(name, of: file, in: folder)
            {
                claimed.insert(key)
                return name
            }
            attempt += 1
        }
    }

    /// A receipt without its file is what a loss of power leaves between the two, and its file may follow now. One of other
    /// content is somebody's last proof, who has removed the file.
    private func isReceiptNameFree(
        _ name: String, of file: OutgoingFile, in folder: Folder
    ) throws(SystemCallError) -> Bool {
        let receiptName = name + UploadPath.receiptSuffix
        guard let status = try folder.status(of: receiptName) else { return true }
        guard status.isRegularFile else { return false }
        let contents = try readAll(try folder.open(receiptName, O_RDONLY | O_NONBLOCK), limit: .max)
        return ReceiptFile.digest(in: contents) == file.digest
    }

    private func nameReceipt(of move: Move) throws(MoveObstacle) {
        guard let receipt = move.receipt, let target = move.target else { return }
        try failing { () throws(SystemCallError) in
            do throws(SystemCallError) {
                try receipt.synchronize()
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
                // Whatever becomes of the file, this receipt is not for its bytes.
                try? target.remove(move.receiptName)
                try failing { () throws(SystemCallError) in
                    try putBack(move.name, of: target, to: source, as: file.path.name)
                }
                throw .changed
            }
        } catch {
            removeReceipt(of: move)
            throw error
        }
        move.outcome = .moved(as: (file.path.segments.dropLast() + [move.name]).joined(separator: "/"))
    }

    /// Moves bytes that were never sent back to where they are sent from, beside a file that has their name by now.
    func putBack(_ name: String, of target: Folder, to source: Folder, as wanted: String) throws(SystemCallError) {
        var attempt = 1
        while true {
            do throws(SystemCallError) {
                return try target.move(name, to: source, as: sentName(wanted, attempt: attempt))
            } catch {
                guard error.code == EEXIST else { throw error }
                attempt += 1
            }
        }
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
        var results: [[UInt8]: Result<Void, SystemCallError>] = [:]
        for index in moves.indices {
            guard let wanted = moves[index][keyPath: folder] else { continue }
            let key = Array(wanted.path.utf8)
            let result = results[key] ?? Result { () throws(SystemCallError) in try wanted.synchronize() }
            results[key] = result
            if case .failure(let error) = result { moves[index].fail(.failed(error)) }
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
