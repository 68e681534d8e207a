import CommandSupport
import Files
import Glibc

/// The system's tar(1): what a Pi unpacks with is what packed it, and there is no second implementation to trust.
enum Tarball {
    /// How many are at work at a time: most of a tar's time is its start, and that of its gzip.
    private static let mostAtWork = 4

    /// Packs each folder of `names` in `parent` into a file `<name>.tar.gz` beside it, as root's, with the modes that it
    /// has. `isDurable`: as for `writeNewFile`.
    static func write(_ names: [String], in parent: String, isDurable: Bool) throws {
        var atWork: [Packing] = []
        defer { for packing in atWork { _ = try? packing.waitStatus() } }
        for name in names {
            if atWork.count == mostAtWork { try atWork.removeFirst().finish(isDurable: isDurable) }
            atWork.append(try Packing(name, in: parent))
        }
        while !atWork.isEmpty { try atWork.removeFirst().finish(isDurable: isDurable) }
    }
}

/// One tar at work.
private struct Packing {
    private let folder: String
    private let file: FileDescriptor
    private let pid: pid_t

    init(_ name: String, in parent: String) throws {
        folder = "\(parent)/\(name)"
        file = try FileDescriptor(opening: "\(folder).tar.gz", O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        pid = try Self.start(
            [
                "tar", "--create", "--gzip", "--file=-", "--owner=0", "--group=0", "--numeric-owner",
                "--directory=\(parent)", "--", name,
            ], output: file)
    }

    func finish(isDurable: Bool) throws {
        let status = try waitStatus()
        guard status == 0 else {
            throw CommandFailure(
                "tar could not pack \(folder)", reason: "it ended with status \(status)",
                hint: "see its message above; is the disk full, is gzip there?", exitCode: .ioError)
        }
        if isDurable { try file.synchronize() }
    }

    /// Waits for the program's end; the status of wait(2).
    func waitStatus() throws -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            guard errno == EINTR else { throw SystemCallError("wait for", "tar") }
        }
        return status
    }

    private static func start(_ arguments: [String], output: FileDescriptor) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output.number, STDOUT_FILENO)

        // Nothing but the path to programs: TAR_OPTIONS or GZIP would change what is packed.
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        let argumentList = CStrings(arguments)
        let environment = CStrings(["PATH=\(path)", "LC_ALL=C"])
        var pid = pid_t()
        let result = posix_spawnp(&pid, "tar", &actions, nil, argumentList.pointers, environment.pointers)
        withExtendedLifetime((argumentList, environment)) {}
        guard result == 0 else {
            throw CommandFailure(
                "tar could not be started", reason: String(cString: strerror(result)),
                hint: "install it: apt install tar gzip", exitCode: .configuration)
        }
        return pid
    }
}

/// A null-terminated array of strings, as exec(3) takes it; it must outlive the call.
private final class CStrings {
    let pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) {
        pointers = strings.map { strdup($0) } + [nil]
    }

    deinit {
        for pointer in pointers { free(pointer) }
    }
}
