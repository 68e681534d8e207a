import Files
import Glibc
import OpenSSL
package import UploadProtocol

extension UploadStore {
    /// Gives a verified upload its name, durably. Blocks on disk syncs, so it is for a pool of threads, and never for two
    /// uploads of one Pi and path at once: the caller serialises those.
    ///
    /// `modified`: seconds since 1970, for the stored file; now if `nil`. `receipt` is called when the result is known, and
    /// the receipt that it gives stands beside the file. (It is called a second time only if somebody outside takes the
    /// name at that moment.)
    ///
    /// Throws StoreError, and whatever `receipt` throws; then nothing is acknowledged and the upload is to be let go.
    package func commit(
        _ upload: IncomingUpload, modified: Int64?, receipt: (Receipt.Result) throws -> SignedReceipt
    ) throws -> SignedReceipt {
        do {
            let digest = try upload.finishedDigest()
            let place = Place(pi: upload.pi, path: upload.path)
            try replacements.finishUnfinished(at: place)
            if let modified { try upload.file.setModified(modified) }
            while true {
                let folder = try tree.durable(place.folder)
                guard let current = try StoredFile(place.name, in: folder) else {
                    if let signed = try create(place, in: folder, digest, upload.file, receipt) { return signed }
                    continue
                }
                // Read anew, whatever is known of it: that costs no more than the sending did.
                var found: [FileStamp: SHA256Digest] = [:]
                func readOnce(_ stored: StoredFile) throws -> SHA256Digest {
                    let stamp = FileStamp(stored.status)
                    if let digest = found[stamp] { return digest }
                    let digest = try readings.digest(of: stored)
                    found[stamp] = digest
                    return digest
                }
                if let held = try held(
                    place, in: folder, current, digest: digest, size: upload.size, digestOf: readOnce)
                {
                    return try acknowledge(held, digest, receipt)
                }
                // Before anything is noted: a reading that is given up leaves nothing to undo.
                _ = try readOnce(current)
                return try replace(place, digest, upload.file, knowing: found, receipt)
            }
        } catch let error as SystemCallError {
            throw StoreError(error, needed: upload.size)
        }
    }
}

extension UploadStore {
    /// `nil` if somebody outside took the name meanwhile.
    private func create(
        _ place: Place, in folder: Directory, _ digest: SHA256Digest, _ content: TemporaryFile,
        _ receipt: (Receipt.Result) throws -> SignedReceipt
    ) throws -> SignedReceipt? {
        let signed = try receipt(.created)
        let receiptFile = try temporaries.make(
            holding: ReceiptFile(signed, digest: digest, name: place.name).contents)
        try TemporaryFiles.synchronize(content, receiptFile)
        let creation = try creations.begin(receiptFile)
        observe(.creationNoted)
        do {
            try linkReceipt(receiptFile, in: folder, as: place.receiptName)
        } catch {
            creation.end()
            throw error
        }
        observe(.receiptLinked)
        var isLinked = false
        do throws(SystemCallError) {
            try content.link(into: folder, as: place.name)
            isLinked = true
            observe(.contentLinked)
            try folder.synchronize()
        } catch {
            // Nobody was told of it: the next attempt starts from nothing. What cannot be taken back now stays noted for the
            // next start; and a file keeps its receipt.
            if (try? folder.remove(isLinked ? place.name : place.receiptName)) != nil,
                (try? folder.remove(place.receiptName)) != nil
            {
                creation.end()
            }
            if !isLinked, error.code == EEXIST { return nil }
            throw error
        }
        creation.end()
        return signed
    }

    /// A receipt without its file, left by a crash, is no stored file and makes way.
    private func linkReceipt(_ receipt: TemporaryFile, in folder: Directory, as name: String) throws {
        do throws(SystemCallError) {
            try receipt.link(into: folder, as: name)
        } catch {
            guard error.code == EEXIST else { throw error }
            guard try folder.status(of: name)?.isRegularFile ?? true else {
                throw StoreError.pathConflict(PathConflict(path: folder.path(of: name), wanted: .file))
            }
            try folder.remove(name)
            try receipt.link(into: folder, as: name)
        }
    }

    private func replace(
        _ place: Place, _ digest: SHA256Digest, _ content: TemporaryFile, knowing found: [FileStamp: SHA256Digest],
        _ receipt: (Receipt.Result) throws -> SignedReceipt
    ) throws -> SignedReceipt {
        let signed = try receipt(.replaced)
        let receiptFile = try temporaries.make(
            holding: ReceiptFile(signed, digest: digest, name: place.name).contents)
        let replacement = try replacements.prepare(place, digest: digest, content: content, receipt: receiptFile)
        try replacements.carryOut(replacement, knowing: found)
        // Who removes the store's own folder meanwhile takes the new content with it, and leaves nothing to be carried out.
        let folder = try tree.durable(place.folder)
        guard let stored = try folder.status(of: place.name), stored.isSameFile(as: try content.file.status()) else {
            throw SystemCallError("replace", folder.path(of: place.name), code: ENOENT)
        }
        return signed
    }
}

extension UploadStore {
    /// A stored file, current or earlier, that holds what was uploaded.
    struct Held {
        let place: Place
        let file: StoredFile
        let folder: Directory
        let name: String
    }

    func held(
        _ place: Place, in folder: Directory, _ current: StoredFile, digest: SHA256Digest, size: Int64,
        digestOf: (StoredFile) throws -> SHA256Digest
    ) throws -> Held? {
        if current.size == size, try digestOf(current) == digest {
            return Held(place: place, file: current, folder: folder, name: place.name)
        }
        guard let versions = try tree.existing(place.versionsFolder),
            let earlier = try StoredFile(digest.hex, in: versions), earlier.size == size,
            try digestOf(earlier) == digest
        else { return nil }
        return Held(
            place: place, file: earlier, folder: try tree.durable(place.versionsFolder), name: digest.hex)
    }

    /// Syncs again what is held: who stored it may have failed or crashed before it was durable.
    func acknowledge(
        _ held: Held, _ digest: SHA256Digest, _ receipt: (Receipt.Result) throws -> SignedReceipt
    ) throws -> SignedReceipt {
        let receiptName = Place.receiptName(of: held.name)
        try held.file.file.synchronize()
        let signed = try receipt(.unchanged)
        if let beside = try StoredFile(receiptName, in: held.folder),
            let file = try held.folder.receiptFile(receiptName, for: held.name), isGood(file, of: held, digest)
        {
            try beside.file.synchronize()
        } else {
            // A file that somebody put there by hand, or whose receipt was lost or damaged.
            let receiptFile = try temporaries.make(
                holding: ReceiptFile(signed, digest: digest, name: held.name).contents)
            try TemporaryFiles.synchronize(receiptFile)
            try receiptFile.replace(in: held.folder, as: receiptName)
        }
        try held.folder.synchronize()
        return signed
    }

    /// Whether a receipt file states this upload, and is to the last byte what the receiver wrote. One whose certificate is not at
    /// hand is left alone: with that put back, it may verify.
    private func isGood(_ file: ReceiptFile, of held: Held, _ digest: SHA256Digest) -> Bool {
        guard file.digest == digest, let stated = UnverifiedReceipt(file), let receipt = stated.statement,
            receipt.sha256 == digest.hex, receipt.size == held.file.size,
            held.place.key.elementsEqual("\(receipt.pi)/\(receipt.path)".utf8)
        else { return false }
        guard let certificate = certificate(stated.certificate) else { return true }
        guard let signed = try? SignedReceipt(verifying: stated, certificate: certificate) else { return false }
        return ReceiptFile(signed, digest: digest, name: held.name) == file
    }

    private func certificate(_ fingerprint: SHA256Digest) -> Certificate? {
        // Anew each time: a renewal puts others there.
        guard let path = certificates, let folder = try? FileDescriptor(opening: path, O_RDONLY | O_DIRECTORY) else {
            return nil
        }
        return try? KeptCertificates(in: Directory(folder)).certificate(fingerprint)
    }
}
