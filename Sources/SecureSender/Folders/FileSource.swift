import Files
import Glibc
import UploadProtocol

/// Gives out the files of one look, once they have been quiet for long enough.
final class FileSource {
    private var list: FileList
    private let folder: Folder
    /// Files that changed too late, or went on changing.
    private(set) var beingWrittenCount = 0

    private var bytesGivenOut: Int64 = 0

    init(_ list: FileList, folder: Folder) {
        self.list = list
        self.folder = folder
    }

    /// Those that can be given out now, if they have not changed since.
    var count: Int { list.quietCount(at: .now) }

    /// All that were not given out.
    var totalCount: Int { list.count }

    /// Of those that can be given out now; `nil` if that is not known.
    var bytes: Int64? { list.isPartial || count != totalCount ? nil : max(0, list.bytes - bytesGivenOut) }

    /// Whether there was more than one list holds.
    var isPartial: Bool { list.isPartial }

    /// When all have been quiet that do not change; `nil` if all have.
    var allQuiet: Uptime? { list.allQuiet(at: .now) }

    func next(_ end: UploadOrder.End) -> UploadPath? {
        while let file = list.take(end, at: .now) {
            // What its station has taken away is not ours to send.
            guard let status = status(of: file.path) else { continue }
            bytesGivenOut += Int64(status.st_size)
            if list.quietTime.isOver(for: Fingerprint(status), seenAs: file.fingerprint, at: .now) { return file.path }
            beingWrittenCount += 1
        }
        return nil
    }

    private func status(of path: UploadPath) -> stat? {
        // Whoever opens it says what is wrong.
        try? folder.folder(path.segments.dropLast()).status(of: path.name)
    }
}
