import Files
import Glibc
import OpenSSL
import UploadProtocol

/// One file of a batch that was interrupted: wherever that was, it is brought to exactly one of the two places, and with its
/// receipt if that is the one for sent files. In doubt it is sent again.
struct InterruptedMove {
    private let path: UploadPath
    /// In the folder for sent files.
    private let name: String
    private let digest: SHA256Digest
    private let inode: UInt64
    private let modified: Fingerprint.Moment
    private let files: SentFiles

    /// `nil` if it is none of ours.
    init?(_ entry: MoveNote.Entry, of files: SentFiles) {
        guard let path = try? UploadPath(plain: entry.path), let digest = SHA256Digest(hex: entry.sha256),
            !entry.name.utf8.contains(UInt8(ascii: "/")), entry.name.utf8.first != UInt8(ascii: ".")
        else { return nil }
        (self.path, self.digest, self.files) = (path, digest, files)
        (name, inode, modified) = (entry.name, entry.inode, entry.modified)
    }

    private var parents: [String] { path.segments.dropLast() }
    private var hiddenName: String { MoveNote.hiddenName(for: path.name) }
    private var receiptName: String { name + UploadPath.receiptSuffix }

    func resolve() throws(SystemCallError) {
        let (source, target) = (try files.source.folderIfThere(parents), try files.root.folderIfThere(parents))
        if let target {
            for name in [name, receiptName] { try? target.remove(NamelessFile.temporaryName(for: name)) }
            if let sent = try regularFile(name, in: target), try isOriginal(sent, source) {
                return try resolveRenamed(sent, from: source, to: target)
            }
        }
        guard let source else { return }
        try resolveCopied(from: source, to: target)
        if let target { try removeLoneReceipt(from: source, to: target) }
    }

    /// Whether what was sent is there, with its receipt, and nobody goes on to write to it.
    private func isSent(in target: Folder) throws(SystemCallError) -> Bool {
        guard try isReceipt(in: target) else { return false }
        return try untouchedFile(name, in: target) != nil
    }

    private func isReceipt(in target: Folder) throws(SystemCallError) -> Bool {
        guard try regularFile(receiptName, in: target) != nil,
            let file = try? target.open(receiptName, O_RDONLY | O_NONBLOCK),
            let contents = try? readAll(file, limit: ReceiptFile.mostBytes)
        else { return false }
        return ReceiptFile(parsing: contents, name: name)?.digest == digest
    }

    /// The file of that name if it is what was sent and nobody has it open for writing; `nil` also where it cannot be read.
    private func untouchedFile(
        _ name: String, in folder: Folder
    ) throws(SystemCallError) -> (FileDescriptor, Fingerprint)? {
        do throws(SystemCallError) {
            let file = try folder.open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY)
            let before = Fingerprint(try file.status())
            guard file.isOpenForWriting != true, try file.digest(stop: files.stop) == digest,
                file.isOpenForWriting != true
            else { return nil }
            return Fingerprint(try file.status()) == before ? (file, before) : nil
        } catch {
            if error.code == EINTR { throw error }
            return nil
        }
    }

    private func regularFile(_ name: String, in folder: Folder) throws(SystemCallError) -> stat? {
        let status = try folder.status(of: name)
        return status?.isRegularFile == true ? status : nil
    }
}

// MARK: - Within a file system

extension InterruptedMove {
    /// Whether it is the file itself and no copy.
    private func isOriginal(_ sent: stat, _ source: Folder?) throws(SystemCallError) -> Bool {
        let there = try (source ?? files.source).descriptor.status()
        guard sent.st_dev == there.st_dev else { return false }
        if Fingerprint(sent).inode == inode { return true }
        // By another number: there it is the one that is left.
        guard let source else { return true }
        for name in [path.name, hiddenName] {
            guard try regularFile(name, in: source) == nil else { return false }
        }
        return true
    }

    private func resolveRenamed(_ sent: stat, from source: Folder?, to target: Folder) throws(SystemCallError) {
        if let source, let original = try regularFile(path.name, in: source),
            Fingerprint(original).isSameFile(as: Fingerprint(sent))
        {
            // It has both names: a move by link.
            try target.remove(name)
            try target.synchronize()
        } else if try isSent(in: target) {
            return
        } else {
            do throws(SystemCallError) {
                try files.takeBack(name, of: target, to: try files.source.makeFolder(parents), as: path.name)
            } catch {
                // Then it was copied, and somebody has changed that since.
                guard error.code == EXDEV else { throw error }
                return
            }
        }
        try target.removeIfThere(receiptName)
        try target.synchronize()
    }

    /// Of a file that is in the other place. Where it is not, the receipt is somebody's last proof.
    private func removeLoneReceipt(from source: Folder, to target: Folder) throws(SystemCallError) {
        guard try target.status(of: name) == nil, try isReceipt(in: target) else { return }
        var attempt = 1
        while let status = try source.status(of: sentName(path.name, attempt: attempt)) {
            if Fingerprint(status).inode == inode {
                try target.remove(receiptName)
                return try target.synchronize()
            }
            attempt += 1
        }
    }
}

// MARK: - To another file system

extension InterruptedMove {
    private func resolveCopied(from source: Folder, to target: Folder?) throws(SystemCallError) {
        for name in [hiddenName, path.name] {
            guard let original = try regularFile(name, in: source) else { continue }
            if Fingerprint(original).modified == modified, let target, try isSent(in: target),
                let (file, fingerprint) = try untouchedFile(name, in: source)
            {
                // The run that made the copy may not have come so far.
                try target.synchronize()
                try remove(file, fingerprint, name, from: source)
            } else if name == hiddenName {
                // The copy is not whole, or the original has changed since: it stays, and is sent.
                try files.putBack(name, of: source, to: source, as: path.name)
            }
            try source.synchronize()
        }
    }

    private func remove(
        _ file: FileDescriptor, _ fingerprint: Fingerprint, _ name: String, from source: Folder
    ) throws(SystemCallError) {
        do throws(Move.Obstacle) {
            try files.removeOriginal(file, fingerprint, called: name, of: path, from: source)
        } catch {
            // Else it was put back.
            if case .failed(let error) = error { throw error }
        }
    }
}

extension Folder {
    /// `nil` if there is no such folder.
    fileprivate func folderIfThere(_ names: [String]) throws(SystemCallError) -> Folder? {
        do throws(SystemCallError) { return try folder(names) } catch {
            guard [ENOENT, ENOTDIR, ELOOP].contains(error.code) else { throw error }
            return nil
        }
    }

    /// As `makeFolder`, part by part.
    fileprivate func makeFolder(_ names: [String]) throws(SystemCallError) -> Folder {
        var folder = self
        for name in names { folder = try folder.makeFolder(name) }
        return folder
    }
}
