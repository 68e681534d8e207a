import CommandSupport
import Files
import Glibc
import UploadProtocol

/// One look through a folder: the files that are to be sent, and what has to be told of the others.
struct FileScan {
    private(set) var files: FileList
    /// Names that the receiver keeps for itself, such as receipts: nobody expects these to be sent.
    private(set) var reserved = Noted<(name: String, error: UploadPathError)>()
    /// Names that cannot be stored, too long ones for example: somebody has to rename these.
    private(set) var unsendable = Noted<(name: String, error: UploadPathError)>()
    /// Folders inside that cannot be read, and names that cannot be looked at: what is there may be a file to send.
    private(set) var unreadable = Noted<SystemCallError>()
    /// Folders inside whose files cannot be moved; these are left out.
    private(set) var immovable = Noted<ImmovableFolder>()

    /// Those of `begun` that are still as they were; they are not among `files`.
    private(set) var begun: [BegunFile] = []

    /// Names of the file with this run's settings, which is left out.
    private(set) var settings = Noted<String>()

    /// Further names of files that are sent under another one first: their times change when that is moved.
    private(set) var furtherNameCount = 0

    /// Files that the receiver refused a while ago.
    private(set) var sparedCount = 0

    /// Files and folders that should be sent, and are not now.
    var leftCount: Int { unsendable.count + unreadable.count + immovable.count + sparedCount }

    /// The first file of the identity in use that would be sent.
    private var identityFile: String?
    private let identity: [Fingerprint]
    private let settingsFile: Fingerprint?
    private var excluded: Fingerprint?
    private let begunBefore: [BegunFile]
    private let selection: FileSelection
    private let isSpared: (Fingerprint) -> Bool
    private let watch: FolderWatch?
    private let isOneNameEnough: Bool
    /// The inodes of files with several names that have come by. Those of another disk do no harm: one waits for the next look.
    private var linkedFiles: Set<UInt64> = []

    /// Hidden names and symbolic links are left out, so are FIFOs and devices, the folder for sent files, and files for which
    /// `sparing` is true. `begun`: files that are on their way already. `isOneNameEnough`: of a file with several (link(2)), for
    /// this look. `settingsFile`: the path of this run's, which is left out: without it the next run would do something else.
    /// Throws where a file of `keeping` would be sent: who names a folder around the identity means another one, and
    /// the rest of it would be moved away too.
    init(
        of folder: Folder, leavingOut sentFolder: Folder?, keeping identity: PiIdentity? = nil,
        settingsFile: String? = nil,
        quietTime: QuietTime = QuietTime(.zero), lifetime: Duration = .seconds(300),
        selection: FileSelection = FileSelection(), watch: FolderWatch? = nil, begun: [BegunFile] = [],
        isOneNameEnough: Bool = false, sparing isSpared: @escaping (Fingerprint) -> Bool = { _ in false }
    ) throws(CommandFailure) {
        self.identity = identity?.files ?? []
        // At each look: editors put a new file in its place.
        self.settingsFile = settingsFile.flatMap { try? fileStatus($0, followingLinks: true) }.map { Fingerprint($0) }
        self.selection = selection
        self.isSpared = isSpared
        begunBefore = begun
        self.isOneNameEnough = isOneNameEnough
        self.watch = watch
        files = FileList(quietTime: quietTime, lifetime: lifetime)
        do throws(SystemCallError) {
            excluded = try sentFolder.map { (folder) throws(SystemCallError) in
                Fingerprint(try folder.descriptor.status())
            }
            try collect(folder, path: [], target: FolderTarget(sentFolder))
        } catch {
            // What was found before it is sent: one bad block is not the whole disk.
            guard !files.isEmpty else { throw .notADirectory(folder.path, error) }
            unreadable.append(error)
        }
        if let identityFile { throw .holdsIdentity(folder.path, identityFile) }
        files.sort()
    }

    /// `path`: of `folder`, below the one that is looked through.
    private mutating func collect(
        _ folder: Folder, path: [String], target: FolderTarget
    ) throws(SystemCallError) {
        watch?.add(folder)
        let exit = FolderExit(of: folder)
        var hasImmovable = false
        try folder.forEachName { bytes throws(SystemCallError) in
            guard bytes.first != UInt8(ascii: ".") else { return }
            guard let name = String(validating: bytes, as: UTF8.self) else {
                return refuse(String(decoding: bytes, as: UTF8.self), below: path, .notUTF8)
            }
            // A file that vanishes meanwhile is not ours to send.
            guard let status = try look(at: name, in: folder, path), status.isRegularFile || status.isFolder else {
                return
            }
            guard
                status.isFolder
                    ? selection.wantsFolder(name, below: path) : selection.wantsFile(name, below: path)
            else { return }
            do throws(UploadPathError) {
                guard path.count < UploadPath.mostSegments else { throw .segmentCount(path.count + 1) }
                try UploadPath.check(name)
            } catch {
                return refuse(name, below: path, error)
            }
            if status.isFolder {
                guard !folder.isLostAndFound(name, status) else { return }
                descend(into: name, of: folder, path: path, target: target, status: Fingerprint(status))
            } else if let obstacle = exit.obstacle(to: status).map({ ImmovableFolder(path: folder.path, obstacle: $0) })
                ?? target.immovable
            {
                // Once for all that is in it.
                if !hasImmovable { immovable.append(obstacle) }
                hasImmovable = true
            } else {
                let fingerprint = Fingerprint(status)
                // Whatever its name: a file can have several.
                if identity.contains(where: fingerprint.isSameFile) { identityFile = folder.path(of: name) }
                if settingsFile?.isSameFile(as: fingerprint) == true {
                    return settings.append((path + [name]).joined(separator: "/"))
                }
                guard !isSpared(fingerprint) else {
                    sparedCount += 1
                    return
                }
                if status.st_nlink > 1, isOneNameEnough, isFurtherName(path + [name], fingerprint) {
                    furtherNameCount += 1
                } else {
                    add(name, of: path, fingerprint)
                }
            }
        }
    }

    /// `nil` where nothing can be done with it. An inode that is broken, or a dead mount, must not hold up what is beside it;
    /// but a folder that may not be searched has nothing beside it.
    private mutating func look(
        at name: String, in folder: Folder, _ path: [String]
    ) throws(SystemCallError) -> stat? {
        do throws(SystemCallError) { return try folder.status(of: name) } catch {
            guard error.code != EACCES || folder.isSearchable else { throw error }
            // It may be a folder or a file.
            if selection.wantsFolder(name, below: path) { unreadable.append(error) }
            return nil
        }
    }

    private mutating func isFurtherName(_ path: [String], _ fingerprint: Fingerprint) -> Bool {
        if let known = begunBefore.first(where: { $0.fingerprint.isSameFile(as: fingerprint) }) {
            known.path.segments != path
        } else {
            linkedFiles.count < FileList.mostHeld && !linkedFiles.insert(fingerprint.inode).inserted
        }
    }

    private mutating func add(_ name: String, of parents: [String], _ fingerprint: Fingerprint) {
        // They are few.
        let known = begunBefore.first { $0.fingerprint == fingerprint && $0.path.segments == parents + [name] }
        if let known { begun.append(known) } else { files.add(name, fingerprint) }
    }

    private mutating func descend(
        into name: String, of folder: Folder, path: [String], target: FolderTarget, status: Fingerprint
    ) {
        if let excluded, (excluded.device, excluded.inode) == (status.device, status.inode) { return }
        files.enter(name)
        defer { files.leave() }
        do throws(SystemCallError) {
            try collect(try folder.folder(name), path: path + [name], target: target.target(name))
        } catch {
            if error.code != ENOENT { unreadable.append(error) }
        }
    }

    private mutating func refuse(_ name: String, below parents: [String], _ error: UploadPathError) {
        let path = (parents + [name]).joined(separator: "/")
        if case .reserved = error { reserved.append((path, error)) } else { unsendable.append((path, error)) }
    }
}

/// Things of one kind, of which the first few are told.
struct Noted<Element> {
    static var mostTold: Int { 10 }

    private(set) var count = 0
    private(set) var told: [Element] = []

    var untold: Int { count - told.count }

    mutating func append(_ element: Element) {
        count += 1
        if told.count < Self.mostTold { told.append(element) }
    }
}
