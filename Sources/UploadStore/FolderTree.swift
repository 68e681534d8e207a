import CLinux
import Files
import Glibc
import Synchronization

/// The folders below the store's root: opened without following links, made so that their own names survive a power cut.
final class FolderTree: Sendable {
    let root: Directory
    private let opensBeneath: Bool
    /// Folders whose names, and those of all above them, are known to be on disk. Their paths as bytes: a file system
    /// tells spellings apart that Swift's strings do not.
    private let durable = Mutex<Set<[UInt8]>>([])

    private static let mostRemembered = 16_384

    /// `opensBeneath`: whether openat2(2) works; see `supportsOpenBeneath`.
    init(root: Directory, opensBeneath: Bool) {
        self.root = root
        self.opensBeneath = opensBeneath
    }

    /// Kernels before 5.6 lack openat2(2), and some containers' filters refuse it.
    static func supportsOpenBeneath(_ root: Directory) -> Bool {
        let number = retrying { linux_open_beneath(root.file.number, ".", O_RDONLY | O_DIRECTORY, 0) }
        guard number >= 0 else { return false }
        close(number)
        return true
    }

    /// `nil` if there is no such folder.
    func existing(_ components: [String]) throws(StoreError) -> Directory? {
        do throws(SystemCallError) { return try open(components) } catch {
            if error.code == ENOENT { return nil }
            throw folderError(error, components)
        }
    }

    /// Made where it is missing. When this returns, the folder's name is durable, also if another upload has just made it
    /// and not synced it yet.
    func durable(_ components: [String]) throws(StoreError) -> Directory {
        if isDurable(components) {
            if let folder = try existing(components) { return folder }
            // Somebody removed it: what is known of the folders is no longer true.
            durable.withLock { $0.removeAll() }
        }
        var folder = root
        for (index, name) in components.enumerated() {
            do throws(SystemCallError) {
                try folder.makeSubdirectory(name, mode: storedFolderMode)
                let next = try folder.subdirectory(name)
                let path = Array(components[...index])
                if !isDurable(path) {
                    try folder.synchronize()
                    remember(path)
                }
                folder = next
            } catch {
                throw folderError(error, components)
            }
        }
        return folder
    }

    func open(_ components: [String]) throws(SystemCallError) -> Directory {
        if opensBeneath, let folder = openBeneath(components) { return folder }
        // Also where that failed: this way the error names the part that is in the way.
        return try openPartByPart(components)
    }

    private func openBeneath(_ components: [String]) -> Directory? {
        let relative = components.joined(separator: "/")
        let number = retrying { linux_open_beneath(root.file.number, relative, O_RDONLY | O_DIRECTORY, 0) }
        guard number >= 0 else { return nil }
        return Directory(FileDescriptor(takingOwnershipOf: number, path: root.path(of: relative)))
    }

    private func openPartByPart(_ components: [String]) throws(SystemCallError) -> Directory {
        var folder = root
        for name in components { folder = try folder.subdirectory(name) }
        return folder
    }

    /// A file in the way is ENOTDIR, a link ELOOP or, without openat2, ENOTDIR as well. Where the store keeps something for
    /// itself, no other name of an upload would help.
    private func folderError(_ error: SystemCallError, _ components: [String]) -> StoreError {
        guard error.code == ENOTDIR || error.code == ELOOP, components.first != Notes.name else {
            return StoreError(error)
        }
        return .pathConflict(PathConflict(path: error.path, wanted: .folder))
    }

    private func isDurable(_ components: [String]) -> Bool {
        let key = key(components)
        return durable.withLock { $0.contains(key) }
    }

    private func remember(_ components: [String]) {
        let key = key(components)
        durable.withLock { known in
            // Forgetting costs a sync, never a file.
            if known.count >= Self.mostRemembered { known.removeAll() }
            known.insert(key)
        }
    }

    private func key(_ components: [String]) -> [UInt8] { Array(components.joined(separator: "/").utf8) }
}

/// The umask takes from it.
let storedFolderMode: mode_t = 0o750
