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
        for candidate in candidates {
            let folder = IdentityFolder(path: candidate)
            var status = stat()
            if lstat(folder.path(of: secretFile), &status) == 0 { return folder }
        }
        let places = candidates.map { CommandOutput.oneLine($0) }.joined(separator: ", ")
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
