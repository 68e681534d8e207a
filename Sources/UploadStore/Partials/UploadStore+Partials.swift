import Files
import Glibc
import OpenSSL
package import UploadProtocol

extension UploadStore {
    /// Starts an upload of the whole of `file`, for who works at what was kept of it: that gives way where there is room for
    /// both no more, and would be without it.
    package func begin(_ file: AnnouncedFile) throws(StoreError) -> IncomingUpload {
        do throws(StoreError) {
            return try begin(pi: file.pi, path: file.path, size: file.size)
        } catch {
            guard case .insufficientSpace(let needed, let free?) = error,
                let kept = try partials.status(of: PartialKey(file))?.offset, needed - free <= kept
            else { throw error }
            try partials.remove(PartialKey(file))
            return try begin(pi: file.pi, path: file.path, size: file.size)
        }
    }

    /// Gives an upload that came in parts its name, as `commit` does for a whole one, and forgets the parts. After an error
    /// they are kept, unless it was a sync that failed, and it can be tried again.
    package func commit(
        _ partial: PartialUpload, receipt: (Receipt.Result) throws -> SignedReceipt
    ) throws -> SignedReceipt {
        try partial.save()
        // Held until the end: what is stored must not stay an upload because its folder cannot be looked up once more.
        let folder = try partials.folder(of: partial.file)
        let signed: SignedReceipt
        do {
            signed = try commit(partial.incoming, modified: partial.file.modified, receipt: receipt)
        } catch {
            if case StoreError.failed(let failure) = error {
                // After a sync that failed nobody knows what is on the disk, whatever is read back.
                if failure.operation == FileDescriptor.syncOperation {
                    try? partials.remove(PartialKey(partial.file), in: folder)
                }
            } else {
                // Or each further try would have all of it read again.
                partial.keepHash()
            }
            throw error
        }
        observe(.partialCommitted)
        // What cannot be removed has two names now, and is no upload any more.
        try? partials.remove(PartialKey(partial.file), in: folder)
        return signed
    }

    /// Acknowledges a file that is stored already, as an upload of it would; `nil` if it is not. Blocks on disk syncs, and never
    /// for one Pi and path beside a commit. Throws `failed` with ECANCELED if nobody wants to know while the file is read.
    package func acknowledge(
        _ file: AnnouncedFile, while isWanted: () -> Bool = { true },
        receipt: (Receipt.Result) throws -> SignedReceipt
    ) throws -> SignedReceipt? {
        do {
            let place = Place(pi: file.pi, path: file.path)
            try checkNothingIsInTheWay(of: place)
            try replacements.finishUnfinished(at: place)
            guard let seen = try tree.existing(place.folder), try seen.has(place.name),
                try mayHold(file, place, in: seen)
            else { return nil }
            // All above it is synced as well: who made it may have failed or crashed before.
            let folder = try tree.durable(place.folder)
            guard let current = try StoredFile(place.name, in: folder),
                let held = try held(
                    place, in: folder, current, digest: file.digest, size: file.size,
                    digestOf: { try knownDigests.digest(of: $0, while: isWanted) })
            else { return nil }
            return try acknowledge(held, file.digest, receipt)
        } catch let error as SystemCallError {
            throw StoreError(error)
        }
    }

    /// Asking costs a sender nothing, so that not every question is worth the reading of a large file: what stands beside the
    /// file is believed where it says no.
    private func mayHold(_ file: AnnouncedFile, _ place: Place, in folder: Directory) throws -> Bool {
        guard let beside = try folder.receiptFile(place.receiptName, for: place.name) else { return true }
        if beside.digest == file.digest { return true }
        return try tree.existing(place.versionsFolder)?.has(file.digest.hex) ?? false
    }
}
