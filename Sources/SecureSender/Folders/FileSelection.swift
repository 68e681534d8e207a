import Glibc

/// Which files of a folder are wanted. Patterns are those of fnmatch(3), without flags: `*` stands for any characters,
/// slashes too, `?` for one byte, `[…]` for one of a set. One is compared with the path below the folder and with the name
/// alone.
struct FileSelection: Hashable, Sendable {
    /// If there are any, a file has to match one of them.
    var included: [String] = []
    /// What matches one of these is left out; of a folder, all that is in it.
    var excluded: [String] = []

    var isEverything: Bool { included.isEmpty && excluded.isEmpty }

    func wantsFile(_ name: String, below parents: [String]) -> Bool {
        guard !isEverything else { return true }
        return (included.isEmpty || matches(included, name, parents)) && !matches(excluded, name, parents)
    }

    func wantsFolder(_ name: String, below parents: [String]) -> Bool {
        excluded.isEmpty || !matches(excluded, name, parents)
    }

    private func matches(_ patterns: [String], _ name: String, _ parents: [String]) -> Bool {
        let path = (parents + [name]).joined(separator: "/")
        return patterns.contains { fnmatch($0, path, 0) == 0 || fnmatch($0, name, 0) == 0 }
    }
}
