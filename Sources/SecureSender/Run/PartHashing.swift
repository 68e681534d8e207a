import Files
import OpenSSL

/// Hashes a part of a file piece by piece: a part is read twice, because its digest goes before it.
final class PartHashing {
    private let file: OutgoingFile
    private let descriptor: FileDescriptor
    let range: Range<Int64>
    private var hash: SHA256? = SHA256()
    private var position: Int64

    init(_ range: Range<Int64>, of file: OutgoingFile, descriptor: FileDescriptor) {
        self.file = file
        self.descriptor = descriptor
        self.range = range
        position = range.lowerBound
    }

    /// Hashes at most `budget` bytes; returns the part when all of it is hashed. Throws `changed` if the file is not the one
    /// that was announced any more: what it lacks would only show when all of it has been sent.
    func advance(_ budget: Int, with buffer: UnsafeMutableRawBufferPointer) throws(FileObstacle) -> FilePart? {
        let limit = position + Int64(budget)
        while position < range.upperBound {
            guard position < limit else { return nil }
            let count = try readPiece(of: descriptor, at: position, end: range.upperBound, into: buffer)
            hash?.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            position += Int64(count)
        }
        guard let digest = hash.take()?.finish(), try fingerprint() == file.fingerprint else { throw .changed }
        return FilePart(
            offset: range.lowerBound, size: range.upperBound - range.lowerBound, digest: digest,
            isLast: range.upperBound == file.size)
    }

    private func fingerprint() throws(FileObstacle) -> Fingerprint {
        do throws(SystemCallError) { return Fingerprint(try descriptor.status()) } catch { throw .failed(error) }
    }
}
