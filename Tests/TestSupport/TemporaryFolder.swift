import Foundation

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

    package func write(_ bytes: some Collection<UInt8>, to name: String) throws {
        let url = URL(fileURLWithPath: self(name))
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
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
