import Files
import Glibc
import Synchronization

/// The store's own folder, `.receiver`, for as long as the store is open.
///
/// What somebody removes of it by hand, or moves away, is made anew when it is wanted next: only uploads that are under way
/// need what was in it. The lock too, or a second receiver could open the store beside this one.
final class Notes: Sendable {
    enum Folder: String {
        case temporary = "tmp"
        case creating, replacing
    }

    /// Below the store's root.
    static let name = ".receiver"
    private static let lockName = "lock"
    /// By which its error is known.
    static let lockOperation = "lock"

    private struct Held<Item: Sendable>: Sendable {
        let item: Item
        let status: stat
    }

    private struct State {
        /// Held locked as long as the store is open.
        var lock: Held<FileDescriptor>
        var folders: Folders
    }

    private struct Folders {
        let temporary: Held<Directory>
        let creating: Held<Directory>
        let replacing: Held<Directory>

        subscript(folder: Folder) -> Held<Directory> {
            switch folder {
            case .temporary: temporary
            case .creating: creating
            case .replacing: replacing
            }
        }
    }

    private let root: Directory
    private let warn: @Sendable (StoreWarning) -> Void
    private let state: Mutex<State>

    init(of root: Directory, warn: @escaping @Sendable (StoreWarning) -> Void) throws {
        self.root = root
        self.warn = warn
        let notes = try root.makeNotes(Self.name)
        let lock = try Self.lock(notes, of: root)
        state = Mutex(State(lock: lock, folders: try Self.folders(notes, of: root)))
    }

    deinit {
        // Not by the close alone: a program that is being started at this moment holds our descriptors until its exec(3).
        state.withLock { _ = flock($0.lock.item.number, LOCK_UN) }
    }

    func folder(_ folder: Folder) throws(SystemCallError) -> Directory {
        let (held, lock) = state.withLock { ($0.folders[folder], $0.lock) }
        if try isStill(held, folder.rawValue) {
            // Each upload asks for the temporary one: often enough.
            let isLocked = try folder == .temporary ? isStill(lock, Self.lockName) : true
            if isLocked { return held.item }
        }
        return try made(folder)
    }

    private func isStill<Item>(_ held: Held<Item>, _ name: String) throws(SystemCallError) -> Bool {
        do throws(SystemCallError) {
            return try root.status(of: "\(Self.name)/\(name)")?.isSameFile(as: held.status) ?? false
        } catch {
            // What has the folder's name now is named when it is to be made anew.
            if error.code == ENOTDIR { return false }
            throw error
        }
    }

    private func made(_ folder: Folder) throws(SystemCallError) -> Directory {
        let (made, isNews) = try state.withLock { (state) throws(SystemCallError) in
            let notes = try root.makeNotes(Self.name)
            // A lock of our own would keep ourselves out, too.
            if try !isStill(state.lock, Self.lockName) { state.lock = try Self.lock(notes, of: root) }
            let earlier = state.folders[folder]
            state.folders = try Self.folders(notes, of: root)
            let made = state.folders[folder]
            return (made.item, !earlier.status.isSameFile(as: made.status))
        }
        if isNews { warn(.notesMadeAnew(root.path(of: Self.name))) }
        return made
    }

    private static func folders(_ notes: Directory, of root: Directory) throws(SystemCallError) -> Folders {
        func made(_ folder: Folder) throws(SystemCallError) -> Held<Directory> {
            let directory = try notes.makeNotes(folder.rawValue)
            return Held(item: directory, status: try directory.file.status())
        }
        let folders = Folders(
            temporary: try made(.temporary), creating: try made(.creating), replacing: try made(.replacing))
        try notes.synchronize()
        try root.synchronize()
        return folders
    }

    private static func lock(_ notes: Directory, of root: Directory) throws(SystemCallError) -> Held<FileDescriptor> {
        // For reading: with a file open for writing, nobody could mount the disk read-only meanwhile. And without waiting, as a
        // FIFO of this name would let it for ever (fifo(7)).
        var file = try notes.open(lockName, O_RDONLY | O_CREAT | O_NONBLOCK, mode: 0o600)
        guard try file.status().isRegularFile else { throw SystemCallError("lock", file.path, code: EISDIR) }
        var result = lockNow(file)
        if result != 0, errno == EBADF {
            // Over NFS an exclusive lock is one of fcntl(2), which needs a file open for writing.
            file = try notes.open(lockName, O_RDWR | O_NONBLOCK)
            result = lockNow(file)
        }
        guard result == 0 else {
            throw SystemCallError(lockOperation, errno == EWOULDBLOCK ? root.path : file.path)
        }
        return Held(item: file, status: try file.status())
    }

    /// What has the name of a folder or file that the store keeps for itself, if that is why a call failed.
    static func obstacle(_ error: SystemCallError) -> PathConflict? {
        let names = error.path.split(separator: "/")
        guard [ENOTDIR, EISDIR, ELOOP, ENXIO].contains(error.code), names.contains(Substring(name)) else { return nil }
        return PathConflict(path: error.path, wanted: error.code == ENOTDIR ? .folder : .file)
    }

    private static func lockNow(_ file: FileDescriptor) -> Int32 { retrying { flock(file.number, LOCK_EX | LOCK_NB) } }
}

/// What a store put right by itself, for a log.
package enum StoreWarning: Hashable, Sendable {
    /// Somebody removed the store's own folder, or what is in it, under an open store.
    case notesMadeAnew(String)
    /// Something that is not the store's lay where it keeps a file of its own.
    case setAside(String, as: String)
}

extension Directory {
    /// A folder of the store's own, for nobody else to read.
    fileprivate func makeNotes(_ name: String) throws(SystemCallError) -> Directory {
        try makeSubdirectory(name, mode: 0o700)
        return try subdirectory(name)
    }
}
