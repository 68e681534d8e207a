import CommandSupport
import Files
import Glibc
import UploadProtocol

/// Brings a tar to a Pi through the system's ssh(1), which knows the user's keys, agents and settings. The tar goes through
/// its standard input: nothing secret stands in an argument, and no copy of the tar stays on the Pi.
enum RemoteInstallation {
    static func run(_ name: PiName, bundle: FileDescriptor, to home: RemoteHome) throws {
        let status: ChildProgram.Status
        do throws(SystemCallError) {
            status = try ChildProgram(arguments(name, home), input: bundle).status()
        } catch {
            guard error.operation == "start" else { throw error }
            throw CommandFailure(
                "ssh could not be started", reason: error.reason,
                hint: "install it: apt install openssh-client; or copy \(bundle.path) by hand", exitCode: .configuration
            )
        }
        switch status {
        case 0: return
        // What ssh itself says of its own failures (ssh(1), EXIT STATUS).
        case 255:
            throw CommandFailure(
                "\(home.destination) could not be reached with ssh", reason: "see its message above",
                hint: "try it: ssh \(home.destination); or copy \(bundle.path) by hand", exitCode: .unavailable)
        default:
            throw CommandFailure(
                "\(name) could not be unpacked on \(home.destination)", reason: "it ended with status \(status)",
                hint:
                    "see the message above: is the disk full, may the user write to \(home.folder ?? "the home folder")?",
                exitCode: .ioError)
        }
    }

    static func arguments(_ name: PiName, _ home: RemoteHome) -> [String] {
        // sh, because the user's own shell may be another.
        ["ssh", "-T", "--", home.destination, "sh -c \(quoted(script(name, home)))"]
    }

    /// Unpacks beside, then moves each file to its place, so that a Pi that loses power or sends meanwhile has whole
    /// files: `ca.pem` first, because with more roots nothing is refused that was accepted before.
    private static func script(_ name: PiName, _ home: RemoteHome) -> String {
        """
        set -eu
        umask 077
        folder=\(quoted(home.folder ?? "."))
        mkdir -p -- "$folder"
        cd -- "$folder"
        new=$(mktemp -d ./.provision.XXXXXX)
        trap 'rm -rf -- "$new"' EXIT
        tar -xzf - --no-same-owner -C "$new"
        mkdir -p \(name)
        chmod 700 \(name)
        for file in ca.pem secret.py pi.pem; do chmod 600 "$new/\(name)/$file"; done
        sync
        for file in ca.pem secret.py pi.pem; do mv -f -- "$new/\(name)/$file" "\(name)/$file"; done
        sync
        printf 'Installed in %s\\n' "$(pwd)/\(name)"
        """
    }
}

/// `text` as one word for a POSIX shell; as it is where nothing in it means anything to one.
func quoted(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "_./-".utf8.contains(byte)
        }
    }
    if isPlain, !text.isEmpty { return text }
    var quoted = "'"
    for character in text.unicodeScalars {
        if character == "'" { quoted += "'\\''" } else { quoted.unicodeScalars.append(character) }
    }
    return quoted + "'"
}
