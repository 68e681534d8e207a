import CommandSupport
import Files
import Glibc

/// The system's tar(1): what a Pi unpacks with is what packed it, and there is no second implementation to trust.
enum Tarball {
    /// Packs the folder `name` of `parent` into `file`, as root's, with the modes that it has.
    static func write(_ name: String, in parent: String, to file: FileDescriptor) throws {
        let status = try run(
            [
                "tar", "--create", "--gzip", "--file=-", "--owner=0", "--group=0", "--numeric-owner",
                "--directory=\(parent)", "--", name,
            ], output: file)
        guard status == 0 else {
            throw CommandFailure(
                "tar could not pack \(parent)/\(name)", reason: "it ended with status \(status)",
                hint: "see its message above; is the disk full, is gzip there?", exitCode: .ioError)
        }
        try file.synchronize()
    }

    /// Waits for the program's end; the wait status of wait(2).
    private static func run(_ arguments: [String], output: FileDescriptor) throws -> Int32 {
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
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            guard errno == EINTR else { throw SystemCallError("wait for", "tar") }
        }
        return status
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
