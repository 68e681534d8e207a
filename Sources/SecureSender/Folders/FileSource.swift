import Files
import Glibc
import UploadProtocol

/// Gives out the files of one look, once they have been quiet for long enough.
final class FileSource {
    private var list: FileList
    private let folder: Folder
    private let watch: FolderWatch?
    private var nextGlance = Uptime.now
    /// Files that changed too late, or went on changing.
    private(set) var beingWrittenCount = 0

    private var bytesGivenOut: Int64 = 0

    /// Gaps between two questions to the kernel, which the loop over a busy connection would ask thousands of times.
    private static let glanceInterval: Duration = .milliseconds(100)

    init(_ list: FileList, folder: Folder, watch: FolderWatch? = nil) {
        self.list = list
        self.folder = folder
        self.watch = watch
    }

    /// Those that can be given out now, if they have not changed since.
    var count: Int { list.quietCount(at: .now) }

    /// All that were not given out.
    var totalCount: Int { list.count }

    /// Of those that can be given out now; `nil` if that is not known.
    var bytes: Int64? { count == totalCount ? totalBytes : nil }

    /// Of all that were not given out; `nil` if that is not known.
    var totalBytes: Int64? { list.isPartial ? nil : max(0, list.bytes - bytesGivenOut) }

    /// Whether there was more than one list holds.
    var isPartial: Bool { list.isPartial }

    /// Whether this look is too long ago: it gives out no more.
    var isOutdated: Bool { list.isOutdated(at: .now) }

    var quietTime: Duration { list.quietTime.duration }

    /// Whether something has come into the folder since the look. Says so once.
    func takeNews() -> Bool {
        guard let watch, nextGlance <= .now else { return false }
        nextGlance = .now + Self.glanceInterval
        return watch.takeChanges()
    }

    /// When the first and the last have been quiet that were not, if they do not change; `nil` if all have.
    var quietEnds: ClosedRange<Uptime>? { list.quietEnds(at: .now) }

    /// Whether some of them have times that say nothing, so that only this look knows how long they have been quiet.
    var hasFuture: Bool { list.hasFuture }

    func next(_ end: UploadOrder.End) -> FileList.File? {
        while let file = list.take(end, at: .now) {
            // What its station has taken away is not ours to send.
            guard let status = status(of: file.path) else { continue }
            bytesGivenOut += Int64(status.st_size)
            if isQuiet(Fingerprint(status), seenAs: file.fingerprint) { return file }
            beingWrittenCount += 1
        }
        return nil
    }

    /// `seen`: the hash of the fingerprint that it had before.
    func isQuiet(_ file: Fingerprint, seenAs seen: Int) -> Bool {
        list.quietTime.isOver(for: file, seenAs: seen, at: .now)
    }

    private func status(of path: UploadPath) -> stat? {
        // Whoever opens it says what is wrong.
        try? folder.folder(path.segments.dropLast()).status(of: path.name)
    }
}
