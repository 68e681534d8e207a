import Files
import Glibc

/// Whether the files in a folder can be taken out of it by us.
struct FolderExit {
    /// Of the folder itself, whatever the file.
    let obstacle: FolderObstacle?
    /// In a folder with the sticky bit a file can be taken away by its owner and the folder's alone (rename(2)).
    private let isRestricted: Bool
    private let user = geteuid()

    init(of folder: Folder) {
        let status = try? folder.descriptor.status()
        // Root may do what the owner may.
        isRestricted = status.map { $0.st_mode & S_ISVTX != 0 && ![0, $0.st_uid].contains(geteuid()) } ?? false
        obstacle =
            if faccessat(folder.descriptor.number, ".", W_OK | X_OK, AT_EACCESS) != 0 {
                errno == EROFS ? .readOnly : errno == EPERM ? .pinned : .notWritable
            } else if folder.descriptor.isPinned {
                .pinned
            } else {
                nil
            }
    }

    /// To the file of that status.
    func obstacle(to file: stat) -> FolderObstacle? {
        obstacle ?? (isRestricted && file.st_uid != user ? .sticky : nil)
    }
}

/// A folder whose files cannot be taken out of it, or put into the one for sent files that stands for it.
struct ImmovableFolder: Hashable, Sendable {
    let path: String
    let obstacle: FolderObstacle
    /// Whether it is the one that sent files go to.
    var isTarget = false
}

/// Where the sent files of a folder go.
struct FolderTarget: Sendable {
    /// `nil` if it is not there yet.
    private(set) var folder: Folder?
    private(set) var immovable: ImmovableFolder?

    init(_ folder: Folder?) {
        self.folder = folder
        guard let folder, let obstacle = FolderExit(of: folder).obstacle else { return }
        immovable = ImmovableFolder(path: folder.path, obstacle: obstacle, isTarget: true)
    }

    /// That of the folder of that name inside.
    func target(_ name: String) -> FolderTarget {
        guard let folder else { return self }
        do throws(SystemCallError) { return FolderTarget(try folder.folder(name)) } catch {
            var target = self
            target.folder = nil
            // It is made when it is needed, if one can be made.
            guard error.code != ENOENT else { return target }
            target.immovable = ImmovableFolder(
                path: folder.path(of: name), obstacle: error.code == EACCES ? .notWritable : .notAFolder, isTarget: true
            )
            return target
        }
    }
}

/// Why files cannot be taken out of a folder, or put into it, and the way out.
enum FolderObstacle: Hashable, Sendable, CustomStringConvertible {
    case notWritable
    case readOnly
    case pinned
    case sticky
    case notAFolder

    var description: String {
        switch self {
        case .notWritable: "this user may not write to it"
        case .readOnly: "it is on a file system that is mounted read-only"
        case .pinned: "it is immutable or append-only"
        case .notAFolder: "it is no folder"
        case .sticky: "its sticky bit lets only their owners take files out of it, and some are not this user's"
        }
    }

    func wayOut(_ folder: String) -> String {
        switch self {
        case .notWritable: "run secure-sender as the owner of \(folder), or let its user write there"
        case .readOnly:
            "mount it writable (after errors of the disk it becomes read-only by itself: see dmesg), or name it in the unit's ReadWritePaths="
        case .pinned: "chattr -i -a \(folder)"
        case .notAFolder: "give \(folder) another name"
        case .sticky: "chmod -t \(folder), or run secure-sender as the user who writes the files"
        }
    }
}
