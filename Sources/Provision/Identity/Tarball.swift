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
        defer { for packing in atWork { _ = try? packing.program.status() } }
        for name in names {
            if atWork.count == mostAtWork { try atWork.removeFirst().finish(isDurable: isDurable) }
            atWork.append(try Packing(name, in: parent))
        }
        while !atWork.isEmpty { try atWork.removeFirst().finish(isDurable: isDurable) }
    }

    /// Unpacks `names` of the tar `path` into `folder`, and nothing else that may be in it.
    static func unpack(_ names: [String], of path: String, into folder: String) throws {
        let status = try start(
            [
                "tar", "--extract", "--gzip", "--file=-", "--no-same-owner", "--no-same-permissions",
                "--directory=\(folder)", "--",
            ] + names, input: FileDescriptor(opening: path, O_RDONLY)
        ).status()
        guard status == 0 else {
            throw CommandFailure(
                "\(path) cannot be unpacked", reason: "tar ended with status \(status)",
                hint: "see its message above: the file may be damaged", exitCode: .dataError)
        }
    }
}

/// One tar at work.
private struct Packing {
    private let folder: String
    private let file: FileDescriptor
    let program: ChildProgram

    init(_ name: String, in parent: String) throws {
        folder = "\(parent)/\(name)"
        file = try FileDescriptor(opening: "\(folder).tar.gz", O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        program = try start(
            [
                "tar", "--create", "--gzip", "--file=-", "--owner=0", "--group=0", "--numeric-owner",
                "--directory=\(parent)", "--", name,
            ], output: file)
    }

    func finish(isDurable: Bool) throws {
        let status = try program.status()
        guard status == 0 else {
            throw CommandFailure(
                "tar could not pack \(folder)", reason: "it ended with status \(status)",
                hint: "see its message above; is the disk full, is gzip there?", exitCode: .ioError)
        }
        if isDurable { try file.synchronize() }
    }
}

private func start(
    _ arguments: [String], input: FileDescriptor? = nil, output: FileDescriptor? = nil
) throws -> ChildProgram {
    // Nothing but the path to programs: TAR_OPTIONS or GZIP would change what is packed.
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    do throws(SystemCallError) {
        return try ChildProgram(arguments, input: input, output: output, environment: ["PATH=\(path)", "LC_ALL=C"])
    } catch {
        throw CommandFailure(
            "tar could not be started", reason: error.reason, hint: "install it: apt install tar gzip",
            exitCode: .configuration)
    }
}
