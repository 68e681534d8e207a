import Files
import Glibc
import OpenSSL
import UploadProtocol

// Moving to another file system, where no single step does it: a durable copy, then the end of the original.
extension SentFiles {
    func copyFiles(_ moves: inout [Move]) {
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
                let file = try openUnchanged(move.file, in: source)
                try removeOriginal(
                    file, move.file.fingerprint, called: move.file.path.name, of: move.file.path, from: source)
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

    /// In two steps: who opens the file for writing until it has lost its name is seen before it is lost. `name`: that of
    /// `path`, or the hidden one that the first step gives.
    func removeOriginal(
        _ file: FileDescriptor, _ fingerprint: Fingerprint, called name: String, of path: UploadPath,
        from source: Folder
    ) throws(Move.Obstacle) {
        let hidden = MoveNote.hiddenName(for: path.name)
        if name != hidden {
            try failing { () throws(SystemCallError) in try source.move(name, to: source, as: hidden) }
        }
        guard file.isOpenForWriting != true,
            try currentFingerprint(of: file).isSameContent(as: fingerprint),
            let named = try failing({ () throws(SystemCallError) in try source.status(of: hidden) }),
            Fingerprint(named).isSameFile(as: fingerprint)
        else {
            try failing { () throws(SystemCallError) in
                try putBack(hidden, of: source, to: source, as: path.name)
            }
            throw .changed
        }
        do throws(SystemCallError) { try source.remove(hidden) } catch {
            try? putBack(hidden, of: source, to: source, as: path.name)
            throw .failed(error)
        }
    }
}
