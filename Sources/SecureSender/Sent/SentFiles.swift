import Files
import Glibc
import OpenSSL
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
    /// Whose key signed; it is kept with what is moved.
    var certificate: Certificate?
    /// Ends waiting for other runs, and the copy of a large file.
    var stop = StopSignal()

    var note: MoveNote { MoveNote(source: source, root: root) }

    /// Finishes what a kill or a loss of power left half done, unless we are to end. To be called before the folder is looked
    /// through. `tell` is called where it has to wait for another run. Returns what could not be finished, which stays noted.
    @discardableResult
    func recover(tell: () -> Void = {}) throws(SystemCallError) -> [MoveNote.Unfinished] {
        guard let lock = try root.lock(unless: stop, tell: tell) else { return [] }
        defer { withExtendedLifetime(lock) {} }
        do throws(SystemCallError) { return try note.finish(stop: stop).unfinished } catch {
            guard error.code == EINTR, stop.isWanted else { throw error }
            return []
        }
    }

    /// One outcome for each of `batch`, in its order, after all that was moved is durable.
    func move(_ batch: [AcknowledgedFile]) -> [MoveOutcome] {
        var moves = batch.map { Move($0) }
        do throws(SystemCallError) {
            // Another run may move files from elsewhere to this folder.
            guard let lock = try root.lock(unless: stop) else {
                throw SystemCallError("lock", root.path, code: EINTR)
            }
            defer { withExtendedLifetime(lock) {} }
            // Of a batch that could not be moved.
            let kept = try note.finish(stop: stop).kept
            // Without it no receipt can be verified here, and the files stay.
            if let certificate { try? KeptCertificates(root: root).keep(certificate) }
            var places = MovePlaces(source: source, root: root)
            // What has such a name later is still to be told from what had it then.
            for entry in kept { places.claim(entry) }
            moves.attemptEach { move throws(Move.Obstacle) in try writeReceipt(&move, &places) }
            let draft = moves.attemptTogether { going throws(SystemCallError) in try note.draft(going) }
            for move in moves { move.receipt?.startWriting() }
            // All before the first has its name: that belongs to the file system's next transaction, and each sync after it
            // would have to commit one.
            moves.synchronizeReceipts()
            publish(draft, &moves)
            moves.attemptEach { move throws(Move.Obstacle) in try nameReceipt(of: move) }
            moves.synchronize(\.target)
            moves.attemptEach { move throws(Move.Obstacle) in try moveFile(&move) }
            copyFiles(&moves)
            // By then all were looked at; the end of the note shares the syncs.
            let hasCopies = moves.contains(where: \.isCopied)
            if !hasCopies { removeNote(draft, of: moves) }
            moves.synchronize(\.target)
            removeOriginals(&moves)
            moves.synchronize(\.source)
            if hasCopies { removeNote(draft, of: moves) }
        } catch {
            return batch.map { _ in .failed(error) }
        }
        return moves.map(\.outcome)
    }
}

// MARK: - The note

extension SentFiles {
    private func publish(_ draft: MoveNote.Draft?, _ moves: inout [Move]) {
        guard let draft else { return }
        guard moves.contains(where: { $0.target != nil }) else { return draft.file.discard() }
        moves.attemptTogether { going throws(SystemCallError) in
            try note.publish(draft, before: going.compactMap(\.target))
        }
        for index in moves.indices { moves[index].isNoted = moves[index].target != nil }
    }

    /// Unless something of them may be half done: the next batch or look sees to that.
    private func removeNote(_ draft: MoveNote.Draft?, of moves: [Move]) {
        guard let draft, moves.contains(where: \.isNoted), !moves.contains(where: \.isLeftHalfDone) else { return }
        note.remove(draft.name)
    }
}

// MARK: - Receipts

extension SentFiles {
    /// Finds the first free name and writes the receipt for it, which nobody sees yet.
    private func writeReceipt(_ move: inout Move, _ places: inout MovePlaces) throws(Move.Obstacle) {
        let parents = move.file.path.segments.dropLast()
        let source = try failing { () throws(SystemCallError) in try places.source(parents) }
        try checkUnchanged(move.file, in: source)
        try failing { () throws(SystemCallError) in
            let target = try places.target(parents)
            let name = try freeName(for: move.file, in: target, &places)
            let receipt = ReceiptFile(move.acknowledged.receipt, digest: move.acknowledged.file.digest, name: name)
            move.receipt = try NamelessFile(
                in: target, temporaryName: NamelessFile.temporaryName(for: name + UploadPath.receiptSuffix),
                contents: receipt.contents)
            (move.source, move.target, move.name) = (source, target, name)
        }
    }

    private func freeName(
        for file: OutgoingFile, in folder: Folder, _ places: inout MovePlaces
    ) throws(SystemCallError) -> String {
        var attempt = 1
        while true {
            let name = sentName(file.path.name, attempt: attempt)
            // Another of the batch may have it without anything to be seen of that.
            if !places.isClaimed(name, in: folder), try isFree(name, for: file, in: folder),
                try isReceiptNameFree(name, of: file, in: folder)
            {
                places.claim(name, in: folder)
                return name
            }
            attempt += 1
        }
    }

    /// The file itself has the name already where a move by link was interrupted.
    private func isFree(_ name: String, for file: OutgoingFile, in folder: Folder) throws(SystemCallError) -> Bool {
        guard let status = try folder.status(of: name) else { return true }
        return Fingerprint(status).isSameFile(as: file.fingerprint)
    }

    /// A receipt without its file is what a loss of power leaves between the two, and its file may follow now. One of other
    /// content is somebody's last proof, who has removed the file.
    private func isReceiptNameFree(
        _ name: String, of file: OutgoingFile, in folder: Folder
    ) throws(SystemCallError) -> Bool {
        let receiptName = name + UploadPath.receiptSuffix
        guard let status = try folder.status(of: receiptName) else { return true }
        guard status.isRegularFile, status.st_size <= ReceiptFile.mostBytes else { return false }
        let contents = try readAll(
            try folder.open(receiptName, O_RDONLY | O_NONBLOCK), limit: ReceiptFile.mostBytes)
        return ReceiptFile.digest(in: contents) == file.digest
    }

    private func nameReceipt(of move: Move) throws(Move.Obstacle) {
        guard let receipt = move.receipt, let target = move.target else { return }
        do throws(SystemCallError) {
            if try target.status(of: move.receiptName) != nil { try target.remove(move.receiptName) }
            try receipt.link(as: move.receiptName)
        } catch {
            receipt.discard()
            throw .failed(error)
        }
    }

    private func checkUnchanged(_ file: OutgoingFile, in folder: Folder) throws(Move.Obstacle) {
        let status = try failing { () throws(SystemCallError) in try folder.status(of: file.path.name) }
        guard let status, Fingerprint(status) == file.fingerprint else { throw .changed }
    }
}
