import UploadProtocol

/// What one look at the folder leaves to the next: large files take longer than a look, and are neither hashed nor sent
/// twice for that.
struct BegunFiles {
    /// Being hashed, or hashed and not yet on its way.
    var large = FileQueue.Lane()
    /// On their way; the receiver knows how far they got.
    var inParts: [FileInParts] = []
    /// Files that were sent since the run was told of, if it goes on.
    var sentBefore: Int?

    /// Whether there is neither a file nor a run to go on with.
    var isNothing: Bool { files.isEmpty && sentBefore == nil }

    var files: [BegunFile] { inParts.map { BegunFile($0.file) } + (large.file.map { [$0] } ?? []) }

    /// Those alone that a look has found as they were; another in the place of one is another file.
    func found(_ found: [BegunFile]) -> BegunFiles {
        BegunFiles(
            large: large.file.map(found.contains) ?? false ? large : FileQueue.Lane(),
            inParts: inParts.filter { found.contains(BegunFile($0.file)) }, sentBefore: sentBefore)
    }
}

/// Tells whether a file is still the one that was begun.
struct BegunFile: Hashable, Sendable {
    let path: UploadPath
    let fingerprint: Fingerprint
}

extension BegunFile {
    init(_ file: OutgoingFile) {
        self.init(path: file.path, fingerprint: file.fingerprint)
    }
}
