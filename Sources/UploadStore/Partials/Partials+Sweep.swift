import Files
import Glibc
import OpenSSL
import UploadProtocol

extension Partials {
    /// Removes what cannot be read, what was stored before a crash, and what has expired, if that is to be told already. Returns how
    /// many uploads that were.
    package func sweep(expired: Bool = true) throws(StoreError) -> Int {
        guard let root = try tree.existing(PartialKey.root) else { return 0 }
        do {
            // What a bad sector hides must not keep the others from being swept, nor a store from being opened.
            return try root.names().compactMap { PiName($0) }.reduce(0) { $0 + ((try? sweep($1, expired)) ?? 0) }
        } catch {
            throw StoreError(any: error)
        }
    }

    private func sweep(_ pi: PiName, _ expired: Bool) throws -> Int {
        guard let folder = try tree.existing(PartialKey.root + [pi.text]) else { return 0 }
        var removed = 0
        for key in try keys(of: pi, in: folder) where (try? isAlive(key, in: folder, expired)) == false {
            // Somebody may have gone on with it since that look.
            let isRemoved = try? removeUnlessUsed(key, in: folder) { try !isAlive(key, in: folder, expired) }
            if isRemoved == true { removed += 1 }
        }
        return removed
    }

    private func isAlive(_ key: PartialKey, in folder: Directory, _ expires: Bool) throws -> Bool {
        guard let note = try folder.partialNote(key), let data = try folder.status(of: key.dataName) else {
            return false
        }
        return note.isTrue(of: data) && !(expires && now - note.entry.time >= limits.lifetime)
    }

    /// What a sender has of a path replaces what it had: the rest of an earlier content never comes. And of all paths together
    /// only so many are kept: first goes what costs little to send again, and of that what waited longest.
    ///
    /// `file` is there already, so that of several at once the last one sees them all. `isEntitled`: it may take the place of an
    /// advanced one. Returns whether there is a place for it.
    func makeWay(for file: AnnouncedFile, isEntitled: Bool) throws -> Bool {
        let own = PartialKey(file)
        guard let folder = try tree.existing(own.folder) else { return true }
        var waiting: [(key: PartialKey, note: PartialNote)] = []
        for key in try keys(of: file.pi, in: folder) where key != own {
            guard let note = try folder.partialNote(key) else { continue }
            if place(note.file) == place(file), try removeUnlessUsed(key, in: folder) { continue }
            waiting.append((key, note))
        }
        waiting.sort {
            ($0.note.isAdvanced ? 1 : 0, $0.note.entry.time, $0.key.id.hex)
                < ($1.note.isAdvanced ? 1 : 0, $1.note.entry.time, $1.key.id.hex)
        }
        // Small ones that are worked at, and so stay, are no reason to lose an advanced one.
        var advanced = waiting.count { $0.note.isAdvanced } + (isEntitled ? 1 : 0)
        var all = waiting.count + 1
        for (key, note) in waiting where (note.isAdvanced ? advanced : all) > limits.mostOfOnePi {
            guard try removeUnlessUsed(key, in: folder) else { continue }
            all -= 1
            if note.isAdvanced { advanced -= 1 }
        }
        return all <= limits.mostOfOnePi
    }

    /// By bytes: two spellings of one Unicode text are two files.
    private func place(_ file: AnnouncedFile) -> [UInt8] { Place(pi: file.pi, path: file.path).key }

    /// Of all files that are there, with a note or without.
    private func keys(of pi: PiName, in folder: Directory) throws -> Set<PartialKey> {
        let ids = try folder.names().compactMap { name in
            UploadID(name.hasSuffix(PartialKey.noteSuffix) ? name.dropLast(PartialKey.noteSuffix.count) : name[...])
        }
        return Set(ids.map { PartialKey(pi: pi, id: $0) })
    }
}

extension Directory {
    /// `nil` if there is no note, or one that is damaged or another upload's.
    func partialNote(_ key: PartialKey) throws(SystemCallError) -> PartialNote? {
        do throws(SystemCallError) {
            let contents = try readAll(open(key.noteName, O_RDONLY | O_NONBLOCK), limit: PartialNote.size)
            guard let note = PartialNote(parsing: contents), PartialKey(note.file) == key else { return nil }
            return note
        } catch {
            if [ENOENT, EFBIG, EISDIR, EINVAL, ELOOP, ENXIO].contains(error.code) { return nil }
            throw error
        }
    }
}

extension PartialNote {
    /// Whether so much has come that it is to be spared for others.
    fileprivate var isAdvanced: Bool { Self.isAdvanced(entry.offset) }

    /// `offset`: bytes that are durable.
    static func isAdvanced(_ offset: Int64) -> Bool { offset > ResumableUpload.defaultThreshold }

    /// Whether what it says can be so. Bytes with a second name are those of a stored file, from before a crash: they are never
    /// to be written to again.
    func isTrue(of data: stat) -> Bool {
        data.isRegularFile && data.st_nlink == 1 && Int64(data.st_size) >= entry.offset
    }
}
