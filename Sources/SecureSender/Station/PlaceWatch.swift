import CLinux
import Files
import Glibc

/// Tells when folders may no longer be where their paths lead (inotify(7)). A folder that is held open does not tell of its
/// own end, as it has none before it is closed: those above it do.
final class PlaceWatch {
    let descriptor: FileDescriptor

    /// `paths`: as people name them, with links perhaps, each of which is a name in one of the folders above. `nil` if the kernel
    /// grants none. What it does not let us watch is left out.
    init?(of paths: [String]) {
        let number = linux_watch_open()
        guard number >= 0 else { return nil }
        descriptor = FileDescriptor(takingOwnershipOf: number, path: "places")
        for path in paths {
            var path = path
            repeat {
                path = directory(of: path)
                _ = linux_watch_departures(number, path)
            } while path != "/" && path != "."
        }
    }

    /// Takes what was told so far; whether there was anything, of these folders or of others beside them.
    func takeChanges() -> Bool {
        var hasChanges = false
        var buffer = [UInt8](repeating: 0, count: 4 << 10)
        while read(descriptor.number, &buffer, buffer.count) > 0 { hasChanges = true }
        return hasChanges
    }
}
