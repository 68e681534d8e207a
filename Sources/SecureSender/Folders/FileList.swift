import UploadProtocol

/// The files of a scan, oldest first and packed, so that a hundred thousand take a few megabytes: 24 bytes each and the
/// name.
///
/// They are taken from both ends. A file that has not been quiet for long enough is not yet among them, and joins at the
/// newer end when it has. After `lifetime` the folder wants to be looked at again: no more are taken.
struct FileList: Sendable {
    struct File: Hashable, Sendable {
        let path: UploadPath
        /// The hash of the file's fingerprint when it was found.
        let fingerprint: Int
    }

    /// Of a folder that has files.
    private struct FolderIndex: Hashable, Sendable {
        let number: UInt32

        /// The folder that is looked through itself.
        static let root = FolderIndex(number: .max)

        var position: Int { Int(number) }
    }

    private struct Item {
        /// Nanoseconds since 1970.
        let modified: Int64
        let fingerprint: Int
        let folder: FolderIndex
        /// Where its name stands in `names`.
        let name: UInt32
    }

    /// Of more files only the oldest and some of the newest are kept, and the others are for the next list.
    static let mostHeld = 1 << 17
    private static let mostNewest = 1 << 12

    let quietTime: QuietTime
    private let end: Uptime
    private var items: [Item] = []
    /// Each with its length before it, in one byte.
    private var names: [UInt8] = []
    /// Each behind its parent.
    private var folders: [(parent: FolderIndex, name: UInt32)] = []
    /// Down to the folder whose files are added. Each gets its index with its first file: empty ones take no room.
    private var way: [(name: String, index: FolderIndex?)] = []
    /// Of all that were added.
    private(set) var bytes: Int64 = 0
    /// Whether some were left out.
    private(set) var isPartial = false

    /// Those to be taken; before them are the ones taken as oldest, behind them those taken as newest.
    private var quiet = 0..<0
    /// From here on they are not quiet yet.
    private var young = 0

    init(quietTime: QuietTime, lifetime: Duration) {
        self.quietTime = quietTime
        end = quietTime.start + lifetime
    }

    /// Those that have files, and those that they are in.
    var folderCount: Int { folders.count }

    /// All that were not taken yet.
    var count: Int { quiet.count + items.count - young }

    var isEmpty: Bool { count == 0 }
}

// MARK: - Taking

extension FileList {
    mutating func take(_ end: UploadOrder.End, at now: Uptime) -> File? {
        guard quietCount(at: now) > 0 else { return nil }
        return (end == .oldest ? quiet.popFirst() : quiet.popLast()).map { file(items[$0]) }
    }

    /// Whether the folder wants to be looked at again.
    func isOutdated(at now: Uptime) -> Bool { now >= end }

    /// Those that can be taken.
    mutating func quietCount(at now: Uptime) -> Int {
        guard !isOutdated(at: now) else { return 0 }
        while young < items.count, quietEnd(of: items[young]) <= now {
            // Into the room of those taken from the newer end.
            items[quiet.upperBound] = items[young]
            quiet = quiet.lowerBound..<quiet.upperBound + 1
            young += 1
        }
        return quiet.count
    }

    /// When the first and the last of those that were not have been quiet, if they do not change; `nil` if there are none, or it
    /// is too late for this list.
    func quietEnds(at now: Uptime) -> ClosedRange<Uptime>? {
        guard !isOutdated(at: now), young < items.count else { return nil }
        return quietEnd(of: items[young])...quietEnd(of: items[items.count - 1])
    }

    /// Whether another list would have to wait for some of them from its own start on.
    var hasFuture: Bool { items.last.map { quietTime.isFuture(.nanoseconds($0.modified)) } ?? false }

    private func quietEnd(of item: Item) -> Uptime { quietTime.end(modified: .nanoseconds(item.modified)) }

    private func file(_ item: Item) -> File {
        guard let path = try? UploadPath(segments: segments(of: item)) else {
            preconditionFailure("each segment was checked before it was added")
        }
        return File(path: path, fingerprint: item.fingerprint)
    }
}

// MARK: - Adding

extension FileList {
    /// From here to `leave()`, files are added to this folder of the one before. Names of folders and files are segments of an
    /// UploadPath.
    mutating func enter(_ name: String) {
        way.append((name, nil))
    }

    mutating func leave() {
        way.removeLast()
    }

    mutating func add(_ name: String, _ fingerprint: Fingerprint) {
        if items.count == Self.mostHeld { leaveOutMiddle() }
        let folder = currentFolder()
        bytes = bytes.addingReportingOverflow(fingerprint.size).partialValue
        items.append(
            Item(
                modified: fingerprint.modified.wholeNanoseconds, fingerprint: fingerprint.hashValue, folder: folder,
                name: Self.add(name.utf8, to: &names)))
    }

    private mutating func currentFolder() -> FolderIndex {
        var folder = FolderIndex.root
        for level in way.indices {
            let index = way[level].index ?? FolderIndex(number: UInt32(folders.count))
            if way[level].index == nil { folders.append((folder, Self.add(way[level].name.utf8, to: &names))) }
            way[level].index = index
            folder = index
        }
        return folder
    }

    /// To be called once, after all were added and before one is taken.
    mutating func sort() {
        // Not in place: the order of two of one age depends on the names, which are ours too.
        var sorted = items
        items = []
        sorted.sort { left, right in
            left.modified == right.modified
                ? path(of: left).lexicographicallyPrecedes(path(of: right)) : left.modified < right.modified
        }
        items = sorted
    }

    /// So that a folder of a million files costs no more memory than one of a hundred thousand.
    private mutating func leaveOutMiddle() {
        sort()
        items.removeSubrange(items.count / 2 - Self.mostNewest..<items.count - Self.mostNewest)
        isPartial = true
        var kept: [UInt8] = []
        let places = leaveOutFolders(names: &kept)
        items = items.map {
            Item(
                modified: $0.modified, fingerprint: $0.fingerprint, folder: places[$0.folder] ?? .root,
                name: Self.add(name(at: $0.name), to: &kept))
        }
        names = kept
    }

    /// Those that have none of the files left; returns the new places of the others.
    private mutating func leaveOutFolders(names kept: inout [UInt8]) -> [FolderIndex: FolderIndex] {
        var isUsed = [Bool](repeating: false, count: folders.count)
        for item in items where item.folder != .root { isUsed[item.folder.position] = true }
        for (folder, (parent, _)) in folders.enumerated().reversed() where isUsed[folder] && parent != .root {
            isUsed[parent.position] = true
        }
        var places: [FolderIndex: FolderIndex] = [:]
        var used: [(parent: FolderIndex, name: UInt32)] = []
        for (folder, (parent, name)) in folders.enumerated() where isUsed[folder] {
            places[FolderIndex(number: UInt32(folder))] = FolderIndex(number: UInt32(used.count))
            used.append((places[parent] ?? .root, Self.add(self.name(at: name), to: &kept)))
        }
        folders = used
        for level in way.indices { way[level].index = way[level].index.flatMap { places[$0] } }
        return places
    }

    private static func add(_ name: some Collection<UInt8>, to names: inout [UInt8]) -> UInt32 {
        names.append(UInt8(name.count))
        names += name
        return UInt32(names.count - name.count - 1)
    }

    private func name(at position: UInt32) -> ArraySlice<UInt8> {
        let start = Int(position) + 1
        return names[start..<start + Int(names[start - 1])]
    }

    private func segments(of item: Item) -> [String] {
        var segments = [String(decoding: name(at: item.name), as: UTF8.self)]
        var folder = item.folder
        while folder != .root {
            let (parent, name) = folders[folder.position]
            segments.append(String(decoding: self.name(at: name), as: UTF8.self))
            folder = parent
        }
        return segments.reversed()
    }

    private func path(of item: Item) -> [UInt8] { Array(segments(of: item).joined(separator: "/").utf8) }
}
