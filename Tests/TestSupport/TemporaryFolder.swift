package import Foundation

/// A folder of a test's own, removed with all that is in it when the test lets go.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("secure-upload-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.resolvingSymlinksInPath().path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of `name` inside.
    package func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    /// `modified`: set before the file is closed, so that who watches for that finds it as it stays.
    package func write(_ bytes: some Collection<UInt8>, to name: String, modified: Date? = nil) throws {
        let url = URL(fileURLWithPath: self(name))
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        // Not by Data: a program that another test starts meanwhile would inherit the open file.
        let number = open(url.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard number >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        let file = FileHandle(fileDescriptor: number, closeOnDealloc: true)
        try file.write(contentsOf: Data(bytes))
        if let time = modified.map({ timespec($0) }) { futimens(number, [time, time]) }
        try file.close()
        waitForWriters(name)
    }

    /// Until it is executed, such a program has the file all the same, and a sender would take it for one that is still
    /// being written: a lease for reading is refused as long (fcntl(2), F_SETLEASE).
    package func waitForWriters(_ name: String) {
        signal(SIGIO, SIG_IGN)
        let number = open(self(name), O_RDONLY | O_CLOEXEC)
        defer { close(number) }
        let setLease: Int32 = 1024
        while fcntl(number, setLease, F_RDLCK) != 0 {
            guard errno == EAGAIN else { return }
            usleep(1000)
        }
    }

    package func read(_ name: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(fileURLWithPath: self(name))))
    }

    /// Relative paths of all regular files inside, sorted, hidden ones too.
    package func files(below name: String = "") -> [String] {
        let root = name.isEmpty ? path : self(name)
        guard let names = FileManager.default.enumerator(atPath: root) else { return [] }
        return names.compactMap { $0 as? String }.filter { entry in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(root)/\(entry)", isDirectory: &isFolder)
                && !isFolder.boolValue
        }.sorted()
    }
}

extension timespec {
    fileprivate init(_ date: Date) {
        let seconds = date.timeIntervalSince1970.rounded(.down)
        self.init(tv_sec: Int(seconds), tv_nsec: Int((date.timeIntervalSince1970 - seconds) * 1e9))
    }
}

extension TemporaryFolder {
    /// How many descriptors of this process are of files and folders in here.
    package var openDescriptors: Int {
        let folder = "\(path)/"
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return numbers.count { number in
            let file = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
            return file?.hasPrefix(folder) == true
        }
    }
}
