import Files
import Glibc
import OpenSSL
import UploadProtocol

// Moving to another file system, where no single step does it: a durable copy, then the end of the original. A note says
// so before, from which the next start finishes what a loss of power interrupted.
extension SentFiles {
    func copyFiles(_ moves: inout [Move]) {
        let copies = moves.filter(\.isCopied)
        guard !copies.isEmpty else { return }
        do throws(SystemCallError) {
            try note.write(copies)
        } catch {
            moves.attemptEach { move throws(Move.Obstacle) in
                guard move.isCopied else { return }
                removeReceipt(of: move)
                throw .failed(error)
            }
            return
        }
        moves.attemptEach { move throws(Move.Obstacle) in
            guard move.isCopied else { return }
            do throws(Move.Obstacle) { try copyFile(move) } catch {
                removeReceipt(of: move)
                throw error
            }
        }
    }

    /// Once their copies are durable.
    func removeOriginals(_ moves: inout [Move]) {
        moves.attemptEach { move throws(Move.Obstacle) in
            guard move.isCopied, let source = move.source, let target = move.target else { return }
            do throws(Move.Obstacle) {
                try removeOriginal(move.file, from: source)
            } catch {
                // The file stays, so its copy goes.
                try? target.remove(move.name)
                removeReceipt(of: move)
                throw error
            }
            move.succeed()
        }
    }

    /// Bytes: what has less is copied to its end, as it would have to be sent again.
    private static let soonCopied: Int64 = 4 << 20

    private func copyFile(_ move: Move) throws(Move.Obstacle) {
        guard let source = move.source, let target = move.target else { return }
        let original = try openUnchanged(move.file, in: source)
        let status = try failing { () throws(SystemCallError) in try original.status() }
        let copy = try failing { () throws(SystemCallError) in
            try NamelessFile(in: target, temporaryName: NamelessFile.temporaryName(for: move.name))
        }
        let stop = move.file.size > Self.soonCopied ? self.stop : StopSignal()
        do throws(Move.Obstacle) {
            try failing { () throws(SystemCallError) in
                try copy.fill(from: original, size: move.file.size, status: status, stop: stop)
                try copy.synchronize()
            }
            guard try currentFingerprint(of: original) == move.file.fingerprint else { throw .changed }
            try failing { () throws(SystemCallError) in
                // What the disk says, not what we told it.
                guard try copy.digest(stop: stop) == move.file.digest else {
                    throw SystemCallError("copy \(original.path) to", target.path(of: move.name), code: EIO)
                }
                try copy.link(as: move.name)
            }
        } catch {
            copy.discard()
            throw error
        }
    }

    /// In two steps: who opens the file for writing until it has lost its name is seen before it is lost.
    private func removeOriginal(_ file: OutgoingFile, from source: Folder) throws(Move.Obstacle) {
        let descriptor = try openUnchanged(file, in: source)
        let hidden = MoveNote.hiddenName(for: file.path.name)
        try failing { () throws(SystemCallError) in try source.move(file.path.name, to: source, as: hidden) }
        guard descriptor.isOpenForWriting != true,
            try currentFingerprint(of: descriptor).isSameContent(as: file.fingerprint),
            let named = try failing({ () throws(SystemCallError) in try source.status(of: hidden) }),
            Fingerprint(named).isSameFile(as: file.fingerprint)
        else {
            try failing { () throws(SystemCallError) in
                try putBack(hidden, of: source, to: source, as: file.path.name)
            }
            throw .changed
        }
        do throws(SystemCallError) { try source.remove(hidden) } catch {
            // The next batch's note says nothing of it.
            try? putBack(hidden, of: source, to: source, as: file.path.name)
            throw .failed(error)
        }
    }
}
