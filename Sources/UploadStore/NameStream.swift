import Files
import Glibc

/// The names in a folder, one after the other, however many there are.
final class NameStream {
    struct Entry {
        /// Need not be UTF-8.
        let name: [UInt8]
        /// `nil` where the file system does not say.
        let isFolder: Bool?
    }

    private let stream: OpaquePointer  // DIR *
    private let path: String

    init(of directory: Directory) throws(SystemCallError) {
        path = directory.path
        // The stream closes its descriptor, and moves its position: so it gets one of its own.
        let number = retrying { openat(directory.file.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard number >= 0 else { throw SystemCallError("list", path) }
        guard let stream = fdopendir(number) else {
            let error = SystemCallError("list", path)
            close(number)
            throw error
        }
        self.stream = stream
    }

    deinit {
        closedir(stream)
    }

    /// All but `.` and `..`; `nil` at the end.
    func next() throws(SystemCallError) -> Entry? {
        while true {
            // Only errno tells an error from the end (readdir(3)).
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw SystemCallError("list", path) }
                return nil
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name == dot || name == [UInt8](repeating: dot[0], count: 2) { continue }
            let type = Int32(entry.pointee.d_type)
            return Entry(name: name, isFolder: type == DT_UNKNOWN ? nil : type == DT_DIR)
        }
    }
}

private let dot = [UInt8(ascii: ".")]
