import Files
import Glibc

/// A folder held open: what is done below it goes by its descriptor, so that nobody can put another in its place.
struct Folder: Sendable {
    let descriptor: FileDescriptor

    /// For messages.
    var path: String { descriptor.path }

    init(opening path: String) throws(SystemCallError) {
        descriptor = try FileDescriptor(opening: path, O_RDONLY | O_DIRECTORY)
    }

    private init(_ descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    func path(of name: String) -> String { "\(path)/\(name)" }

    /// openat(2); a symbolic link is refused (ELOOP).
    func open(_ name: String, _ flags: Int32, mode: mode_t = 0) throws(SystemCallError) -> FileDescriptor {
        let number = openat(descriptor.number, name, flags | O_NOFOLLOW | O_CLOEXEC, mode)
        guard number >= 0 else { throw SystemCallError("open", path(of: name)) }
        return FileDescriptor(takingOwnershipOf: number, path: path(of: name))
    }

    func folder(_ name: String) throws(SystemCallError) -> Folder {
        Folder(try open(name, O_RDONLY | O_DIRECTORY))
    }

    /// Goes down part by part: each link on the way is refused, as openat(2) alone refuses only the last.
    func folder(_ names: some Collection<String>) throws(SystemCallError) -> Folder {
        var folder = self
        for name in names {
            folder = try folder.folder(name)
        }
        return folder
    }

    /// The folder of that name, made durably if it is not there.
    func makeFolder(_ name: String) throws(SystemCallError) -> Folder {
        if mkdirat(descriptor.number, name, 0o777) == 0 {
            try synchronize()
        } else if errno != EEXIST {
            throw SystemCallError("create", path(of: name))
        }
        return try folder(name)
    }

    /// Whether that is where fsck(8) puts what it finds: root's, at the top of a file system. No station has made it.
    func isLostAndFound(_ name: String, _ status: stat) -> Bool {
        guard name == "lost+found", status.isFolder, status.st_uid == 0 else { return false }
        var (own, above) = (stat(), stat())
        guard fstat(descriptor.number, &own) == 0, fstatat(descriptor.number, "..", &above, 0) == 0 else {
            return false
        }
        return own.st_dev != above.st_dev || own.st_ino == above.st_ino
    }

    /// Whether this user may look at what has a name in it.
    var isSearchable: Bool { faccessat(descriptor.number, ".", X_OK, AT_EACCESS) == 0 }

    /// `nil` if nothing has that name. Links are not followed.
    func status(of name: String) throws(SystemCallError) -> stat? {
        var status = stat()
        if fstatat(descriptor.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { return status }
        guard errno == ENOENT else { throw SystemCallError("look at", path(of: name)) }
        return nil
    }

    /// Writes a file or replaces it, whole or not at all, durably. What an interruption leaves has one name and is replaced by
    /// the next attempt; so only one may be at it.
    func replace(_ name: String, _ contents: [UInt8]) throws(SystemCallError) {
        let temporaryName = NamelessFile.temporaryName(for: name)
        try removeIfThere(temporaryName)
        let file = try open(temporaryName, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        try file.write(contents)
        try file.synchronize()
        guard renameat(descriptor.number, temporaryName, descriptor.number, name) == 0 else {
            let error = SystemCallError("replace", path(of: name))
            try? remove(temporaryName)
            throw error
        }
        try synchronize()
    }

    func removeIfThere(_ name: String) throws(SystemCallError) {
        guard unlinkat(descriptor.number, name, 0) == 0 || errno == ENOENT else {
            throw SystemCallError("remove", path(of: name))
        }
    }

    func remove(_ name: String) throws(SystemCallError) {
        guard unlinkat(descriptor.number, name, 0) == 0 else { throw SystemCallError("remove", path(of: name)) }
    }

    /// Makes the names in it durable.
    func synchronize() throws(SystemCallError) {
        try descriptor.synchronize()
    }

    /// Waits for its turn among the runs that work in this folder; the lock ends with the answer's life.
    func lock() throws(SystemCallError) -> FileDescriptor {
        let own = try reopened()
        while flock(own.number, LOCK_EX) != 0 {
            guard errno == EINTR else { throw SystemCallError("lock", path) }
        }
        return own
    }

    /// As `lock()`, but `nil` as soon as `stop` is wanted, or `patience` is over, if another run has it. `tell` is called when it
    /// has waited for a second: the other may be copying a large file.
    func lock(
        unless stop: StopSignal, patience: Duration? = nil, tell: () -> Void = {}
    ) throws(SystemCallError) -> FileDescriptor? {
        let start = Uptime.now
        var hasTold = false
        var pause: Duration = .milliseconds(1)
        while true {
            if let lock = try lockIfFree() { return lock }
            let waited = Uptime.now - start
            if stop.isWanted || patience.map({ waited >= $0 }) ?? false { return nil }
            if !hasTold, waited >= .seconds(1) {
                hasTold = true
                tell()
            }
            stop.wait(until: .now + pause)
            pause = min(pause * 2, .milliseconds(100))
        }
    }

    /// As `lock()`, but `nil` if another run has it.
    func lockIfFree() throws(SystemCallError) -> FileDescriptor? {
        let own = try reopened()
        if flock(own.number, LOCK_EX | LOCK_NB) == 0 { return own }
        guard errno == EWOULDBLOCK else { throw SystemCallError("lock", path) }
        return nil
    }

    /// Calls `body` with each name but `.` and `..`, as the bytes that the file system has.
    func forEachName(_ body: ([UInt8]) throws(SystemCallError) -> Void) throws(SystemCallError) {
        // fdopendir(3) takes the descriptor over, and a copy would share its position.
        let number = openat(descriptor.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0, let stream = fdopendir(number) else { throw SystemCallError("read", path) }
        defer { closedir(stream) }
        while true {
            // Only errno tells an error from the end (readdir(3)).
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw SystemCallError("read", path) }
                return
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: UInt8.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
                    bytes in
                    Array(UnsafeBufferPointer(start: bytes, count: strlen(bytes)))
                }
            }
            if name != [UInt8(ascii: ".")], name != Array("..".utf8) { try body(name) }
        }
    }

    private func reopened() throws(SystemCallError) -> FileDescriptor {
        let number = openat(descriptor.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw SystemCallError("open", path) }
        return FileDescriptor(takingOwnershipOf: number, path: path)
    }
}

/// The path without links and dots; `nil` if there is nothing.
func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
}
