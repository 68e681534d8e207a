import CommandSupport
import Files
import Glibc

/// What goes wrong with the folder that is sent, in the words of who named it.
extension Folder {
    init(source path: String) throws(CommandFailure) {
        guard let resolved = realPath(path) else {
            let reason = String(cString: strerror(errno))
            // What could not be read as UTF-8.
            guard path.unicodeScalars.contains("\u{fffd}") else { throw .notADirectory(path, reason: reason) }
            throw .notADirectory(path, reason: reason, hint: "its path seems not to be UTF-8: rename that folder")
        }
        do throws(SystemCallError) { self = try Folder(opening: resolved) } catch {
            guard let hint = error.wayOut else { throw .notADirectory(path, reason: error.reason) }
            throw .notADirectory(path, reason: error.reason, hint: hint)
        }
    }
}
