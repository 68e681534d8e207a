import Files
import UploadProtocol

/// The folders of one batch, each opened once, and the names that its files will have there.
struct MovePlaces {
    // By bytes: two spellings of the same letters are equal to Swift and still two names.
    private var sources: [[UInt8]: Folder]
    private var targets: [[UInt8]: Folder]
    private var claimed: Set<[UInt8]> = []
    private let root: Folder

    init(source: Folder, root: Folder) {
        (sources, targets) = ([[]: source], [[]: root])
        self.root = root
    }

    /// The folder of that path to move files from.
    mutating func source(_ path: ArraySlice<String>) throws(SystemCallError) -> Folder {
        try Self.folder(path, &sources) { (parent, name) throws(SystemCallError) in try parent.folder(name) }
    }

    /// The folder of that path to move files to, made if it is not there.
    mutating func target(_ path: ArraySlice<String>) throws(SystemCallError) -> Folder {
        try Self.folder(path, &targets) { (parent, name) throws(SystemCallError) in try parent.makeFolder(name) }
    }

    func isClaimed(_ name: String, in folder: Folder) -> Bool { claimed.contains(Self.key(name, in: folder)) }

    mutating func claim(_ name: String, in folder: Folder) {
        claimed.insert(Self.key(name, in: folder))
    }

    /// The name that a file of an earlier batch has, or was to have.
    mutating func claim(_ entry: MoveNote.Entry) {
        let parents = entry.path.utf8.lastIndex(of: UInt8(ascii: "/")).map { entry.path[...$0] } ?? ""
        claimed.insert(Self.key(parents + entry.name, in: root))
    }

    private static func key(_ name: String, in folder: Folder) -> [UInt8] { Array(folder.path(of: name).utf8) }

    private static func folder(
        _ path: ArraySlice<String>, _ known: inout [[UInt8]: Folder],
        open: (Folder, String) throws(SystemCallError) -> Folder
    ) throws(SystemCallError) -> Folder {
        let key = Array(path.joined(separator: "/").utf8)
        if let folder = known[key] { return folder }
        guard let name = path.last else { preconditionFailure("the folder itself is known from the start") }
        let folder = try open(try Self.folder(path.dropLast(), &known, open: open), name)
        known[key] = folder
        return folder
    }
}
