import Files
import Glibc

/// Another program at work.
struct ChildProgram {
    private let name: String
    private let pid: pid_t

    /// How it ended: an exit code, or 128 and the number of the signal, as in a shell.
    typealias Status = Int32

    /// Starts the first of `arguments`, found on PATH; to be followed by one `status()`. `input` is empty unless it is given;
    /// output and environment are ours. Throws a SystemCallError with the operation "start" if there is no
    /// such program.
    init(_ arguments: [String], input: FileDescriptor? = nil) throws(SystemCallError) {
        name = arguments[0]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input.number, STDIN_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }

        // We ignore it, and a child would inherit that (signal(7)).
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))

        var started = pid_t()
        let argumentList = CStrings(arguments)
        let result = posix_spawnp(&started, name, &actions, &attributes, argumentList.pointers, environ)
        withExtendedLifetime(argumentList) {}
        guard result == 0 else { throw SystemCallError("start", name, code: result) }
        pid = started
    }

    /// Waits for its end.
    func status() throws(SystemCallError) -> Status {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            guard errno == EINTR else { throw SystemCallError("wait for", name) }
        }
        let signal = status & 0x7f
        return signal == 0 ? status >> 8 & 0xff : 128 + signal
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
