import CommandSupport
import Files
import Glibc

/// Where a Pi's identity lies.
struct IdentityFolder: Hashable, Sendable {
    static let secretFile = "secret.py"
    static let certificateFile = "pi.pem"
    static let rootsFile = "ca.pem"

    let path: String

    func path(of file: String) -> String { "\(path)/\(file)" }

    /// The first of `candidates` that has a `secret.py`.
    static func first(of candidates: [String]) throws(CommandFailure) -> IdentityFolder {
        var closed: String?
        for candidate in candidates {
            let folder = IdentityFolder(path: candidate)
            var status = stat()
            if lstat(folder.path(of: secretFile), &status) == 0 { return folder }
            if errno == EACCES { closed = candidate }
        }
        let places = candidates.map { CommandOutput.oneLine($0) }.joined(separator: ", ")
        if let closed {
            throw .identityNotFound(
                reason: "this user may not look into \(CommandOutput.oneLine(closed))",
                hint: "put sudo before the command, if that is where it is")
        }
        throw .identityNotFound(reason: "there is no \(secretFile) in \(places)")
    }

    /// Where it is looked for: in `chosen` alone if there is one.
    static func candidates(chosen: String?) -> [String] {
        if let chosen { return [chosen] }
        var places = ["."]
        if let program = programFolder(), !places.contains(program) { places.append(program) }
        if let home = getenv("HOME").map({ String(cString: $0) }), !home.isEmpty {
            places.append("\(home)/.config/secure-sender")
        }
        return places + ["/etc/secure-sender"]
    }

    private static func programFolder() -> String? {
        realPath("/proc/self/exe").map { directory(of: $0) }
    }
}
