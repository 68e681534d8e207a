import Glibc

/// Which files of a folder are wanted. Patterns are those of fnmatch(3), without flags: `*` stands for any characters,
/// slashes too, `?` for one byte, `[…]` for one of a set. One is compared with the path below the folder and with the name
/// alone. With a slash at its end it is a folder's, and stands for all that is in it.
struct FileSelection: Hashable, Sendable {
    /// If there are any, a file has to match one of them.
    var included: [String] = []
    /// What matches one of these is left out; of a folder, all that is in it.
    var excluded: [String] = []

    var isEverything: Bool { included.isEmpty && excluded.isEmpty }

    func wantsFile(_ name: String, below parents: [String]) -> Bool {
        guard !isEverything else { return true }
        return (included.isEmpty || matches(included, name, parents) || isInFolder(included, parents))
            && !matches(excluded, name, parents)
    }

    func wantsFolder(_ name: String, below parents: [String]) -> Bool {
        excluded.isEmpty || !(matches(excluded, name, parents) || isInFolder(excluded, parents + [name]))
    }

    private func isInFolder(_ patterns: [String], _ path: [String]) -> Bool {
        let folders = patterns.filter { $0.utf8.last == UInt8(ascii: "/") }.map { String($0.dropLast()) }
        return !folders.isEmpty && path.indices.contains { matches(folders, path[$0], Array(path[..<$0])) }
    }

    private func matches(_ patterns: [String], _ name: String, _ parents: [String]) -> Bool {
        let path = (parents + [name]).joined(separator: "/")
        return patterns.contains { fnmatch($0, path, 0) == 0 || fnmatch($0, name, 0) == 0 }
    }
}
