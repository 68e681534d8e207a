import Files
import Glibc
import UploadProtocol

// Moving within a file system.
extension SentFiles {
    /// Moves the file itself, once its receipt is durable; marks one that has to be copied.
    func moveFile(_ move: inout Move) throws(Move.Obstacle) {
        guard let source = move.source, let target = move.target else { return }
        do throws(Move.Obstacle) {
            // Held open: it goes on to tell of the file, whatever its name is.
            let file = try openUnchanged(move.file, in: source)
            do throws(SystemCallError) {
                try rename(move, from: source, to: target)
            } catch {
                guard error.code == EXDEV else { throw .failed(error) }
                move.isCopied = true
                return
            }
            let moved = try failing { () throws(SystemCallError) in try target.status(of: move.name) }
            let isOurs = moved.map { Fingerprint($0).isSameContent(as: move.file.fingerprint) } ?? false
            // A writer may have been quicker than we, and what it goes on to write belongs to where it opened the file.
            guard isOurs, file.isOpenForWriting != true,
                try currentFingerprint(of: file).isSameContent(as: move.file.fingerprint)
            else {
                // Before its receipt goes: these bytes are to be there with another's rather than with none.
                try failing { () throws(SystemCallError) in
                    try takeBack(move.name, of: target, to: source, as: move.file.path.name)
                }
                throw .changed
            }
        } catch {
            removeReceipt(of: move)
            throw error
        }
        move.succeed()
    }

    private func rename(_ move: Move, from source: Folder, to target: Folder) throws(SystemCallError) {
        do throws(SystemCallError) {
            try source.move(move.file.path.name, to: target, as: move.name)
        } catch {
            // A move by link that was interrupted half way.
            guard error.code == EEXIST, let there = try target.status(of: move.name),
                Fingerprint(there).isSameFile(as: move.file.fingerprint)
            else { throw error }
            try source.remove(move.file.path.name)
        }
    }

    /// The file as it was hashed, which nobody has open for writing.
    func openUnchanged(_ file: OutgoingFile, in folder: Folder) throws(Move.Obstacle) -> FileDescriptor {
        do throws(FileObstacle) {
            let (descriptor, fingerprint) = try openForSending([file.path.name], below: folder)
            guard fingerprint == file.fingerprint else { throw .changed }
            return descriptor
        } catch {
            if case .failed(let error) = error { throw .failed(error) }
            throw .changed
        }
    }

    func currentFingerprint(of file: FileDescriptor) throws(Move.Obstacle) -> Fingerprint {
        Fingerprint(try failing { () throws(SystemCallError) in try file.status() })
    }

    /// As `putBack`, from the folder for sent files, and durably: its receipt may go then.
    func takeBack(_ name: String, of target: Folder, to source: Folder, as wanted: String) throws(SystemCallError) {
        try putBack(name, of: target, to: source, as: wanted)
        // Nowhere for a moment would be worse than in both places.
        try source.synchronize()
        try target.synchronize()
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
    func removeReceipt(of move: Move) {
        do throws(SystemCallError) {
            guard let target = move.target, try target.status(of: move.name) == nil else { return }
            try target.remove(move.receiptName)
        } catch {
            // A later move of the same name finds it without its file, and takes its place.
        }
    }
}
