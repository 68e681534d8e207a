import CLinux
import Files
import Glibc

/// Makes files that vanish unless they are given a name.
struct TemporaryFiles: Sendable {
    let directory: Directory
    private let areUnnamed: Bool

    /// `unnamed`: whether files may stay without a name until they are linked; see `supportsUnnamed`.
    init(in directory: Directory, unnamed: Bool) {
        self.directory = directory
        areUnnamed = unnamed
    }

    func make() throws(SystemCallError) -> TemporaryFile {
        if areUnnamed {
            let number = retrying { linux_open_unnamed(directory.file.number, storedFileMode) }
            guard number >= 0 else { throw SystemCallError("create a file in", directory.path) }
            return TemporaryFile(
                FileDescriptor(takingOwnershipOf: number, path: directory.path), name: nil, in: directory)
        }
        let name = randomName()
        let file = try directory.open(name, O_RDWR | O_CREAT | O_EXCL, mode: storedFileMode)
        return TemporaryFile(file, name: name, in: directory)
    }

    /// One that holds `contents`, not synced yet.
    func make(holding contents: [UInt8]) throws(SystemCallError) -> TemporaryFile {
        let temporary = try make()
        try temporary.file.write(contents)
        return temporary
    }

    /// Makes the contents of new files durable; after a failure all of them are to be let go.
    static func synchronize(_ files: TemporaryFile...) throws(SystemCallError) {
        // With all of them on their way, the journal commit of the first sync covers the others too: on ext4 two files then
        // cost a fifth less.
        for file in files.dropFirst() { try file.startWriting() }
        for file in files { try file.file.synchronize() }
    }

    /// Whether an unnamed file can be made in `directory` and be given a name. Network and overlay file systems refuse the
    /// one, a missing /proc the other.
    static func supportsUnnamed(in directory: Directory) -> Bool {
        guard let file = try? TemporaryFiles(in: directory, unnamed: true).make() else { return false }
        let name = randomName()
        guard (try? file.link(into: directory, as: name)) != nil else { return false }
        return (try? directory.remove(name)) != nil
    }
}

/// A file on its way to a name. Let go without one, it is gone.
final class TemporaryFile: Sendable {
    let file: FileDescriptor
    private let name: String?
    private let directory: Directory
    private let isKept: Bool

    fileprivate init(_ file: FileDescriptor, name: String?, in directory: Directory) {
        self.file = file
        self.name = name
        self.directory = directory
        isKept = false
    }

    /// One that has a name, and keeps it when it is let go.
    init(keeping file: FileDescriptor, name: String, in directory: Directory) {
        self.file = file
        self.name = name
        self.directory = directory
        isKept = true
    }

    deinit {
        if let name, !isKept { try? directory.remove(name) }
    }

    /// Lets the disk begin without waiting for it (sync_file_range(2)).
    func startWriting() throws(SystemCallError) {
        // What fails here is lost as it is in a sync, which then might not hear of it. Refused is not failed.
        guard linux_start_writing(file.number) == 0 || [ENOSYS, EPERM, EINTR].contains(errno) else {
            throw SystemCallError("write", file.path)
        }
    }

    /// `seconds`: since 1970.
    func setModified(_ seconds: Int64) throws(SystemCallError) {
        let time = timespec(tv_sec: time_t(seconds), tv_nsec: 0)
        guard futimens(file.number, [time, time]) == 0 else { throw SystemCallError("set the time of", file.path) }
    }

    /// Fails with EEXIST and never overwrites.
    func link(into target: Directory, as newName: String) throws(SystemCallError) {
        if let name { return try directory.link(name, into: target, as: newName) }
        guard linux_link_unnamed(file.number, target.file.number, newName) == 0 else {
            throw SystemCallError("create", target.path(of: newName))
        }
    }

    /// Takes the name, whatever has it, in one step, and has no other name afterwards.
    func move(into target: Directory, as newName: String) throws(SystemCallError) {
        guard let name else { return try replace(in: target, as: newName) }
        try directory.rename(name, into: target, as: newName)
    }

    /// Takes the name, whatever has it, in one step.
    func replace(in target: Directory, as newName: String) throws(SystemCallError) {
        let step = randomName()
        try link(into: directory, as: step)
        defer { try? directory.remove(step) }
        try directory.rename(step, into: target, as: newName)
    }
}

/// The umask takes from it.
let storedFileMode: mode_t = 0o640

/// Never derived from an upload's name, which may be as long as a file system allows.
func randomName() -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
