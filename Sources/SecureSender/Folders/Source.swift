import CommandSupport
import Files
import Glibc

/// What goes wrong with the folder that is sent, in the words of who named it.
extension Folder {
    init(source path: String) throws(CommandFailure) {
        guard let resolved = realPath(path) else {
            throw .notADirectory(path, reason: String(cString: strerror(errno)))
        }
        do throws(SystemCallError) { self = try Folder(opening: resolved) } catch {
            throw .notADirectory(path, reason: error.reason)
        }
    }
}
