import Files
import Glibc
import UploadProtocol

/// A folder that is walked, and what its place says of the files in it.
final class WalkedFolder: Sendable {
    enum Region: Hashable, Sendable {
        case files(of: PiName)
        case versions(of: PiName)
        /// Outside of every Pi's folder: only what has a receipt of ours is judged.
        case foreign
    }

    let directory: Directory
    /// From the store's root.
    let components: [String]
    let region: Region

    init(_ directory: Directory, components: [String], region: Region) {
        self.directory = directory
        self.components = components
        self.region = region
    }

    func path(of name: String) -> String { (components + [name]).joined(separator: "/") }
}

/// Goes through a store, depth first, follows no link, and holds no more in memory than the folders that it is in.
struct StoreWalk {
    enum Step {
        /// A name that is no folder's, of a file or of its receipt.
        case name(String, in: WalkedFolder)
        case finding(Finding)
        case notOurs
    }

    private struct Level {
        let folder: WalkedFolder
        let names: NameStream
    }

    private var levels: [Level] = []
    private let only: PiName?

    /// `only`: nothing but this Pi's folder.
    init(root: Directory, only: PiName?) throws(SystemCallError) {
        self.only = only
        try descend(WalkedFolder(root, components: [], region: .foreign))
    }

    /// `nil` at the end.
    mutating func next() -> Step? {
        while let level = levels.last {
            do throws(SystemCallError) {
                guard let entry = try level.names.next() else {
                    levels.removeLast()
                    continue
                }
                if let step = try step(entry, in: level.folder) { return step }
            } catch {
                // Of a folder that cannot be listed any further, what was seen so far counts.
                levels.removeLast()
                let path = level.folder.components.joined(separator: "/")
                return .finding(Finding(path: path.isEmpty ? "." : path, matter: .unreadable(error)))
            }
        }
        return nil
    }

    /// `nil` for what needs no judgement of its own.
    private mutating func step(_ entry: NameStream.Entry, in folder: WalkedFolder) throws(SystemCallError) -> Step? {
        let isRoot = folder.components.isEmpty
        let text = String(validating: entry.name, as: UTF8.self)
        if isRoot, let only, text != only.text { return nil }
        if isRoot, text == Notes.name { return nil }
        guard let text else {
            return folder.region == .foreign ? .notOurs : Self.impossible(entry.name, in: folder)
        }
        let isFolder =
            if let isFolder = entry.isFolder { isFolder } else {
                try folder.directory.status(of: text)?.isFolder ?? false
            }
        if let pi = folder.pi, folder.components.count == 1, text == Place.versionsName {
            return isFolder ? enter(text, of: folder, as: .versions(of: pi)) : Self.notAFile(text, in: folder)
        }
        // No upload's name begins with a dot; hidden files are of file managers, editors, network file systems.
        guard entry.name.first != UInt8(ascii: ".") else { return .notOurs }
        guard isFolder else {
            // The receiver refuses to follow it, and so does this.
            if isRoot, PiName(text) != nil, let status = try folder.directory.status(of: text), status.isLink {
                return Self.notAFile(text, in: folder)
            }
            return .name(text, in: folder)
        }
        guard folder.region == .foreign || !UploadPath.isReceiptName(text) else {
            return Self.impossible(entry.name, in: folder)
        }
        return enter(text, of: folder, as: isRoot ? PiName(text).map { .files(of: $0) } ?? .foreign : folder.region)
    }

    private mutating func enter(_ name: String, of folder: WalkedFolder, as region: WalkedFolder.Region) -> Step? {
        let components = folder.components + [name]
        guard components.count <= Self.mostFolders(region) else {
            return region == .foreign ? .notOurs : Self.impossible(Array(name.utf8), in: folder)
        }
        do throws(SystemCallError) {
            let directory = try folder.directory.subdirectory(name)
            try descend(WalkedFolder(directory, components: components, region: region))
            return nil
        } catch {
            // Removed, or replaced by something else, since it was listed.
            if error.code == ENOENT { return nil }
            return .finding(Finding(path: folder.path(of: name), matter: .unreadable(error)))
        }
    }

    private mutating func descend(_ folder: WalkedFolder) throws(SystemCallError) {
        levels.append(Level(folder: folder, names: try NameStream(of: folder.directory)))
    }

    /// From the store's root to the folder that holds a file.
    private static func mostFolders(_ region: WalkedFolder.Region) -> Int {
        switch region {
        case .files: UploadPath.mostSegments
        // The Pi's, `.versions`, and the file's own.
        case .versions, .foreign: UploadPath.mostSegments + 2
        }
    }

    private static func notAFile(_ name: String, in folder: WalkedFolder) -> Step {
        .finding(Finding(path: folder.path(of: name), matter: .fault(.notAFile)))
    }

    private static func impossible(_ name: [UInt8], in folder: WalkedFolder) -> Step {
        let path = (folder.components + [readable(name)]).joined(separator: "/")
        return .finding(Finding(path: path, matter: .fault(.impossibleName)))
    }
}

extension WalkedFolder {
    var pi: PiName? {
        switch region {
        case .files(let pi), .versions(let pi): pi
        case .foreign: nil
        }
    }
}

extension stat {
    fileprivate var isLink: Bool { st_mode & S_IFMT == S_IFLNK }
}
