/// The files of one scan, which is ordered from the oldest to the newest.
final class ScannedFiles: FileSource {
    private var entries: ArraySlice<FileScan.Entry>

    init(_ entries: [FileScan.Entry]) {
        self.entries = entries[...]
    }

    func next(_ end: UploadOrder.End) -> FileScan.Entry? {
        switch end {
        case .oldest: entries.popFirst()
        case .newest: entries.popLast()
        }
    }

    var count: Int { entries.count }
}
