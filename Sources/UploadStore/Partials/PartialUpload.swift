import Files
import Glibc
package import OpenSSL
import Synchronization
package import UploadProtocol

/// An upload that is open for its next part: nobody else can work at it as long as this lives.
package final class PartialUpload: Sendable {
    package let file: AnnouncedFile
    /// Bytes that had come before this part.
    package var start: Int64 { atStart.offset }

    let incoming: IncomingUpload
    private let atStart: RunningHash
    private let part: Mutex<Part>
    private let saved: Mutex<Saved>
    private let partials: Partials
    /// Let go after everything else.
    private let lease: any AnyObject & Sendable

    private struct Part: ~Copyable {
        /// `nil` for the first part, which hashes to what the whole hashes to so far.
        var hash: SHA256?
    }

    private struct Saved {
        /// What the note says last.
        var entry: PartialNote.Entry
        var failure: StoreError?
    }

    init(
        _ file: AnnouncedFile, content: TemporaryFile, hash: RunningHash, room: Int64, reservations: SpaceReservations,
        noted entry: PartialNote.Entry, partials: Partials, lease: any AnyObject & Sendable
    ) {
        self.file = file
        self.partials = partials
        self.lease = lease
        atStart = hash
        incoming = IncomingUpload(resuming: file, content: content, at: hash, room: room, reserved: reservations)
        part = Mutex(Part(hash: hash.offset == 0 ? nil : SHA256()))
        saved = Mutex(Saved(entry: entry))
    }

    deinit {
        partials.release(key)
    }

    private var key: PartialKey { PartialKey(file) }
}

extension PartialUpload {
    /// Bytes of the whole that have come.
    package var received: Int64 { incoming.received }

    /// Writes and hashes the next bytes. After an error the part is to be ended.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        try incoming.write(bytes)
        part.withLock { $0.hash?.update(bytes) }
    }

    /// The SHA-256 of this part alone; nothing is to be written behind it.
    package func finishPart() -> SHA256Digest {
        part.withLock { part in part.hash.take()?.finish() } ?? incoming.runningHash.copy.finish()
    }

    /// The SHA-256 of the whole, when all has come; to be compared with what was announced before the commit.
    package func finish() -> SHA256Digest { incoming.finish() }

    /// Makes durable what has come, and returns how many bytes that are. It may be called while bytes are written. After an
    /// error the upload is gone.
    @discardableResult
    package func save() throws(StoreError) -> Int64 {
        try changingNote { (note, file) throws(SystemCallError) in
            let hash = incoming.runningHash
            try file.synchronize()
            if try note.write(offset: hash.offset, time: partials.now) { partials.observe(.partialExtended) }
            partials.hashes.keep(hash, of: key, try file.status())
            return hash.offset
        }
    }

    /// Ends a part that was cut off: what has come of it counts.
    @discardableResult
    package func end() throws(StoreError) -> Int64 {
        // A write that failed may have left some of its bytes.
        do throws(SystemCallError) { try incoming.file.file.truncate(to: received) } catch { throw StoreError(error) }
        return try save()
    }

    /// Ends a part that is not what its sender signed: it never came.
    @discardableResult
    package func goBack() throws(StoreError) -> Int64 {
        try changingNote { (note, file) throws(SystemCallError) in
            // First, and synced: a note of more bytes than there are would be no note at all.
            if try note.write(offset: start, time: partials.now) { partials.observe(.partialGoneBack) }
            try incoming.goBack(to: atStart)
            partials.hashes.keep(atStart, of: key, try file.status())
            return start
        }
    }

    private func changingNote(
        _ body: (inout PartialNoteFile, FileDescriptor) throws(SystemCallError) -> Int64
    ) throws(StoreError) -> Int64 {
        try saved.withLock { saved throws(StoreError) in
            if let failure = saved.failure { throw failure }
            var note: PartialNoteFile
            do throws(SystemCallError) {
                note = try PartialNoteFile(of: key, in: partials.tree, last: saved.entry)
            } catch {
                // Nothing was touched yet: for want of descriptors, say, no upload is lost.
                throw StoreError(error)
            }
            do throws(SystemCallError) {
                guard !incoming.isDamaged else { throw SystemCallError("write", incoming.file.file.path, code: EIO) }
                defer { saved.entry = note.last }
                return try body(&note, incoming.file.file)
            } catch {
                // The kernel may have dropped what was to be synced: nobody knows any more what is on the disk.
                let failure = StoreError(error, needed: file.size - start)
                saved.failure = failure
                try? partials.remove(key)
                throw failure
            }
        }
    }

    /// After what changes the times of the bytes and not the bytes, so that they are not read again for it.
    func keepHash() {
        guard let status = try? incoming.file.file.status() else { return }
        partials.hashes.keep(incoming.runningHash, of: key, status)
    }

    /// Gives the whole upload up.
    package func discard() throws(StoreError) { try partials.remove(key) }
}

/// The note of an upload, on whose two entries it writes in turn. It is open only as long as that takes: an upload under way
/// holds the descriptor of its bytes alone.
struct PartialNoteFile {
    private let file: FileDescriptor
    private(set) var last: PartialNote.Entry

    init(of key: PartialKey, in tree: FolderTree, last: PartialNote.Entry) throws(SystemCallError) {
        file = try tree.open(key.folder).open(key.noteName, O_WRONLY | O_NONBLOCK)
        self.last = last
    }

    /// `false` if this offset is noted already.
    mutating func write(offset: Int64, time: Int64) throws(SystemCallError) -> Bool {
        guard offset != last.offset else { return false }
        let entry = PartialNote.Entry(sequence: last.sequence + 1, offset: offset, time: time)
        try file.write(PartialNote.text(entry), at: Int64(PartialNote.place(of: entry)))
        try file.synchronize()
        last = entry
        return true
    }
}
