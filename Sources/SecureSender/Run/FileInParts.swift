import Files

/// A file that goes in parts, held open, with the next part made ready ahead.
final class FileInParts {
    var transfer: Transfer
    let descriptor: FileDescriptor
    private var hashing: PartHashing?
    private var ready: FilePart?

    init(_ upload: Upload, descriptor: FileDescriptor) {
        transfer = Transfer(upload)
        self.descriptor = descriptor
    }

    var file: OutgoingFile { transfer.file }

    /// The next part, if it is hashed and at most `mostUnderWay - 1` others are under way.
    func nextPart(mostUnderWay: Int) -> FilePart? {
        guard transfer.underWay < mostUnderWay, let ready, ready.offset == transfer.nextOffset else { return nil }
        return ready
    }

    func begin(_ part: FilePart) -> FileBody {
        transfer.begin(.part(part))
        ready = nil
        return FileBody(file, descriptor: descriptor, range: part.offset..<part.end)
    }

    /// Whether its last part is under way.
    var isEnding: Bool { transfer.isEnding }

    /// Returns how often in a row a connection broke on this file.
    func disconnected(isSuspect: Bool) -> Int {
        // The next connection may want smaller parts.
        (hashing, ready) = (nil, nil)
        return transfer.disconnected(isSuspect: isSuspect)
    }

    /// Whether there is something to hash.
    var hasWork: Bool { transfer.nextOffset.map { $0 != ready?.offset } ?? false }

    /// Comes nearer to having the next part ready, by at most `budget` bytes. `size`: of the part, if it is not begun yet.
    func prepare(size: Int64, budget: Int, with buffer: UnsafeMutableRawBufferPointer) throws(FileObstacle) {
        guard hasWork, let offset = transfer.nextOffset else { return }
        if hashing?.range.lowerBound != offset {
            let range = offset..<min(file.size, offset + size)
            hashing = PartHashing(range, of: file, descriptor: descriptor)
        }
        guard let part = try hashing?.advance(budget, with: buffer) else { return }
        ready = part
        hashing = nil
    }
}
