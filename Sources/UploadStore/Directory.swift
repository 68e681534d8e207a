import Files
import Glibc

/// An open directory and what is done to the names in it. A name is one component; links are never followed.
final class Directory: Sendable {
    let file: FileDescriptor

    init(_ file: FileDescriptor) {
        self.file = file
    }

    var path: String { file.path }

    func path(of name: String) -> String { "\(path)/\(name)" }

    /// `flags`: of open(2), to which O_NOFOLLOW is added.
    func open(_ name: String, _ flags: Int32, mode: mode_t = 0) throws(SystemCallError) -> FileDescriptor {
        let number = retrying { openat(file.number, name, flags | O_NOFOLLOW | O_CLOEXEC, mode) }
        guard number >= 0 else { throw SystemCallError("open", path(of: name)) }
        return FileDescriptor(takingOwnershipOf: number, path: path(of: name))
    }

    func subdirectory(_ name: String) throws(SystemCallError) -> Directory {
        Directory(try open(name, O_RDONLY | O_DIRECTORY))
    }

    /// Makes `name` unless it is there, whatever it is.
    func makeSubdirectory(_ name: String, mode: mode_t) throws(SystemCallError) {
        guard retrying({ mkdirat(file.number, name, mode) }) == 0 || errno == EEXIST else {
            throw SystemCallError("create the folder", path(of: name))
        }
    }

    /// `nil` if there is no such name.
    func status(of name: String) throws(SystemCallError) -> stat? {
        var status = stat()
        if retrying({ fstatat(file.number, name, &status, AT_SYMLINK_NOFOLLOW) }) == 0 { return status }
        guard errno == ENOENT else { throw SystemCallError("look at", path(of: name)) }
        return nil
    }

    func has(_ name: String) throws(SystemCallError) -> Bool { try status(of: name) != nil }

    /// A second name for a file; fails with EEXIST and never overwrites.
    func link(_ name: String, into directory: Directory, as newName: String) throws(SystemCallError) {
        guard linkat(file.number, name, directory.file.number, newName, 0) == 0 else {
            throw SystemCallError("create", directory.path(of: newName))
        }
    }

    /// Replaces what has the new name.
    func rename(_ name: String, into directory: Directory, as newName: String) throws(SystemCallError) {
        guard renameat(file.number, name, directory.file.number, newName) == 0 else {
            throw SystemCallError("replace", directory.path(of: newName))
        }
    }

    /// A name that is not there is no failure.
    func remove(_ name: String) throws(SystemCallError) {
        guard unlinkat(file.number, name, 0) == 0 || errno == ENOENT else {
            throw SystemCallError("remove", path(of: name))
        }
    }

    /// Gives `name` another one beside it, which says what happened.
    func setAside(_ name: String) throws(SystemCallError) -> String {
        let newName = "\(name).set-aside-\(randomName())"
        try rename(name, into: self, as: newName)
        return newName
    }

    /// Makes the names in this directory durable.
    func synchronize() throws(SystemCallError) { try file.synchronize() }

    /// All names but `.` and `..`; one that is not UTF-8 is given with replacement characters.
    func names() throws(SystemCallError) -> [String] {
        let stream = try NameStream(of: self)
        var names: [String] = []
        while let entry = try stream.next() { names.append(String(decoding: entry.name, as: UTF8.self)) }
        return names
    }
}

/// Repeats a call that a signal interrupted (signal(7)).
func retrying(_ call: () -> Int32) -> Int32 {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}
