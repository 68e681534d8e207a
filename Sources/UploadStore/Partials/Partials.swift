import Files
import Glibc
import Synchronization
package import UploadProtocol

/// Uploads that come in parts, as far as they have come: `.receiver/partials/<pi>/<id>` holds the bytes, and `<id>.note`
/// says what they are to become and how many of them are durable. Bytes without a note are nothing.
///
/// All of it blocks on the disk. At one upload, one caller at a time may work.
package final class Partials: Sendable {
    let tree: FolderTree
    let limits: PartialLimits
    let hashes = RunningHashes()
    let observe: StepObserver
    private let temporaries: TemporaryFiles
    private let reservations: SpaceReservations
    private let readings: Readings
    private let warn: @Sendable (StoreWarning) -> Void
    /// Neither swept nor pushed out.
    private let inUse = Mutex<Set<PartialKey>>([])

    init(
        tree: FolderTree, temporaries: TemporaryFiles, reservations: SpaceReservations, limits: PartialLimits,
        readings: Readings,
        warn: @escaping @Sendable (StoreWarning) -> Void, observe: @escaping StepObserver
    ) {
        self.tree = tree
        self.temporaries = temporaries
        self.reservations = reservations
        self.limits = limits
        self.readings = readings
        self.warn = warn
        self.observe = observe
    }

    /// Seconds since 1970.
    var now: Int64 { readings.clock() }

    /// Begins a new upload, or finds what has come of it. Throws `insufficientSpace` if there is no room for the rest; none is
    /// reserved.
    package func create(_ file: AnnouncedFile) throws(StoreError) -> PartialStatus {
        try working(at: PartialKey(file), needed: file.size) { key in
            let status = try status(of: key)
            let rest = file.size - (status?.offset ?? 0)
            try reservations.reserve(rest, for: key.pi)
            reservations.release(rest, for: key.pi)
            if let status { return status }

            let folder = try emptied(key)
            _ = try folder.open(key.dataName, O_RDWR | O_CREAT | O_EXCL, mode: storedFileMode)
            observe(.partialMade)
            let created = try note(file, offset: 0, in: folder)
            // Who announces a file means to send it now.
            _ = try makeWay(for: file, isEntitled: true)
            return created
        }
    }

    /// What has come of it; `nil` if there is no such upload.
    package func status(of key: PartialKey) throws(StoreError) -> PartialStatus? {
        guard let folder = try tree.existing(key.folder) else { return nil }
        do throws(SystemCallError) {
            guard let note = try folder.partialNote(key), let data = try folder.status(of: key.dataName),
                note.isTrue(of: data)
            else { return nil }
            return status(note)
        } catch {
            throw StoreError(error)
        }
    }

    /// Opens it for a part of at most `room` bytes, which are reserved; `nil` if there is no such upload. What a power cut left
    /// behind the durable bytes is cut off, and what they hash to is found out by reading them, unless this process knows
    /// and nobody else has touched them since.
    ///
    /// `lease`: held until nobody works at the upload any more. Throws `failed` with ECANCELED if `isWanted` says no while it is
    /// read.
    package func open(
        _ key: PartialKey, room: Int64, lease: any AnyObject & Sendable, while isWanted: () -> Bool = { true }
    ) throws(StoreError) -> PartialUpload? {
        claim(key)
        var partial: PartialUpload?
        defer { if partial == nil { release(key) } }
        do {
            guard let folder = try tree.existing(key.folder), let note = try folder.partialNote(key),
                let seen = try folder.status(of: key.dataName), note.isTrue(of: seen)
            else { return nil }
            let data = try folder.open(key.dataName, O_RDWR | O_NONBLOCK)
            // Before it is read: what is refused costs no reading.
            try reservations.reserve(room, for: key.pi)
            defer { if partial == nil { reservations.release(room, for: key.pi) } }
            let hash = try hash(of: key, cutting: data, to: note.entry.offset, while: isWanted)
            try data.seek(to: note.entry.offset)
            partial = PartialUpload(
                note.file, content: temporaries.keeping(data, named: key.dataPath, below: tree.root), hash: hash,
                room: room, reservations: reservations, noted: note.entry, partials: self, lease: lease)
            return partial
        } catch {
            throw StoreError(any: error, needed: room)
        }
    }

    /// Keeps what has come of a whole file whose sender was cut off, unless as much is kept already, or little came and all places
    /// are taken by what is further. Returns how many bytes more that are than there were.
    @discardableResult
    package func keep(_ upload: IncomingUpload, of file: AnnouncedFile) throws(StoreError) -> Int64 {
        try working(at: PartialKey(file), needed: 0) { key in
            let earlier = try status(of: key)
            let hash = upload.runningHash
            guard hash.offset > (earlier?.offset ?? 0) else { return 0 }
            // What was told stays true at every step: the bytes take the place of fewer, and only then does the note say so.
            let folder = earlier == nil ? try emptied(key) : try tree.durable(key.folder)
            hashes.forget(key)
            try upload.file.file.truncate(to: hash.offset)
            try upload.file.file.synchronize()
            try upload.file.move(into: folder, as: key.dataName)
            observe(.partialMade)
            _ = try note(file, offset: hash.offset, in: folder, isFirst: earlier == nil)
            hashes.keep(hash, of: key, try upload.file.file.status())
            guard try makeWay(for: file, isEntitled: PartialNote.isAdvanced(hash.offset)) || earlier != nil else {
                try remove(key, in: folder)
                return 0
            }
            return hash.offset - (earlier?.offset ?? 0)
        }
    }

    /// Of the upload's bytes and its note, which must be there.
    func folder(of file: AnnouncedFile) throws(StoreError) -> Directory {
        do throws(SystemCallError) { return try tree.open(PartialKey(file).folder) } catch { throw StoreError(error) }
    }

    /// An upload that is not there is no failure. Only for who works at it.
    package func remove(_ key: PartialKey) throws(StoreError) {
        guard let folder = try tree.existing(key.folder) else { return }
        do throws(SystemCallError) { try remove(key, in: folder) } catch { throw StoreError(error) }
    }
}

extension Partials {
    func claim(_ key: PartialKey) {
        let isFree = inUse.withLock { $0.insert(key).inserted }
        precondition(isFree, "at one upload, one caller at a time works")
    }

    func release(_ key: PartialKey) {
        inUse.withLock { _ = $0.remove(key) }
    }

    private func working<Result>(
        at key: PartialKey, needed: Int64, _ body: (PartialKey) throws -> Result
    ) throws(StoreError) -> Result {
        claim(key)
        defer { release(key) }
        do { return try body(key) } catch { throw StoreError(any: error, needed: needed) }
    }

    /// `false` if somebody works at it, or if `condition` does not hold then.
    func removeUnlessUsed(
        _ key: PartialKey, in folder: Directory, where condition: () throws -> Bool = { true }
    ) throws -> Bool {
        try inUse.withLock { inUse in
            guard !inUse.contains(key), try condition() else { return false }
            try remove(key, in: folder)
            return true
        }
    }

    private func hash(
        of key: PartialKey, cutting data: FileDescriptor, to offset: Int64, while isWanted: () -> Bool
    ) throws(SystemCallError) -> RunningHash {
        let known = hashes.hash(of: key, at: offset, try data.status())
        // Which changes its times, and would make a reading begin anew.
        if try data.status().st_size != offset { try data.truncate(to: offset) }
        // Not looked at after the reading: what somebody writes meanwhile is to be noticed.
        let status = try data.status()
        let hash = if let known { known } else { try readings.hash(of: data, status, while: isWanted).hash }
        hashes.keep(hash, of: key, status)
        return hash
    }

    /// The note first: without it the bytes are nothing.
    func remove(_ key: PartialKey, in folder: Directory) throws(SystemCallError) {
        hashes.forget(key)
        try remove(key.noteName, in: folder)
        observe(.partialNoteRemoved)
        try remove(key.dataName, in: folder)
        observe(.partialRemoved)
    }

    /// A folder with the name of a file of ours is somebody else's.
    private func remove(_ name: String, in folder: Directory) throws(SystemCallError) {
        do throws(SystemCallError) { try folder.remove(name) } catch {
            guard error.code == EISDIR else { throw error }
            let newName = try folder.setAside(name)
            warn(.setAside(folder.path(of: name), as: newName))
        }
    }

    /// The durable folder, without anything of this upload that a crash left.
    private func emptied(_ key: PartialKey) throws -> Directory {
        // The store's own folder first: it is nobody else's to read.
        _ = try temporaries.directory
        let folder = try tree.durable(key.folder)
        try remove(key.noteName, in: folder)
        try remove(key.dataName, in: folder)
        return folder
    }

    private func note(
        _ file: AnnouncedFile, offset: Int64, in folder: Directory, isFirst: Bool = true
    ) throws -> PartialStatus {
        let note = PartialNote(file: file, entry: .init(sequence: 0, offset: offset, time: now))
        do {
            let temporary = try temporaries.make(holding: note.contents)
            try TemporaryFiles.synchronize(temporary)
            try temporary.move(into: folder, as: PartialKey(file).noteName)
            observe(.partialNoteLinked)
            try folder.synchronize()
        } catch {
            // Bytes without a note would take their room until they are swept.
            if isFirst { try? remove(PartialKey(file), in: folder) }
            throw error
        }
        return status(note)
    }

    private func status(_ note: PartialNote) -> PartialStatus {
        PartialStatus(
            file: note.file, offset: note.entry.offset, lifetime: max(0, note.entry.time + limits.lifetime - now))
    }
}
