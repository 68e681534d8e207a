import CommandSupport
import Files
import Glibc
import OpenSSL
import UploadProtocol

/// A file as it was when it was hashed.
struct OutgoingFile: Hashable, Sendable {
    let path: UploadPath
    let fingerprint: Fingerprint
    let digest: SHA256Digest

    var size: Int64 { fingerprint.size }
}

/// Why a file is left for the next run before anything of it could be sent.
enum FileObstacle: Error, Hashable, CustomStringConvertible {
    /// Somebody has it open for writing, or it has not been quiet for long enough.
    case beingWritten
    /// Its station has taken it away: it is not ours to send.
    case gone
    case changed
    case notARegularFile
    /// It could be sent and never moved, and so would be sent again for ever.
    case pinned
    case failed(SystemCallError)

    var description: String {
        switch self {
        case .beingWritten: "it is still being written"
        case .gone: "it is no longer there"
        case .changed: "it changed while it was being sent"
        case .notARegularFile: "it is no longer a regular file"
        case .pinned:
            "it could not be moved afterwards: it is immutable or append-only (lsattr shows it, chattr -i -a ends it)"
        case .failed(let error): "\(error)"
        }
    }

    /// For what no later run would change; else `nil`.
    var wayOut: String? {
        if case .failed(let error) = self { error.wayOut } else { nil }
    }
}

extension SystemCallError {
    /// Where a person has to do something; else `nil`.
    var wayOut: String? {
        let path = CommandOutput.oneLine(path)
        return switch code {
        case EACCES, EPERM:
            "run secure-sender as the owner of \(path), or let its user read that; until then it stays here"
        case EIO, EUCLEAN, EBADMSG:
            "dmesg tells what is wrong with the disk; fsck may mend it, and a card that is worn out has to be replaced"
        case ENOTCONN, ESTALE, EHOSTDOWN, ETIMEDOUT:
            "what is mounted there is dead: umount -l \(path), or the folder above it that it is mounted on, and mount it again"
        default: nil
        }
    }
}

/// Opens a file below `folder` for reading, unless somebody has it open for writing, and whatever has its name now: a link
/// is refused and a FIFO does not hold us up.
func openForSending(_ path: [String], below folder: Folder) throws(FileObstacle) -> (FileDescriptor, Fingerprint) {
    let file: FileDescriptor
    let status: stat
    do throws(SystemCallError) {
        let parent = try folder.folder(path.dropLast())
        file = try parent.open(path[path.count - 1], O_RDONLY | O_NONBLOCK | O_NOCTTY)
        status = try file.status()
    } catch {
        if error.code == ENOENT { throw .gone }
        throw .failed(error)
    }
    guard status.isRegularFile else { throw .notARegularFile }
    guard file.isOpenForWriting != true else { throw .beingWritten }
    guard !file.isPinned else { throw .pinned }
    return (file, Fingerprint(status))
}

/// Hashes a file piece by piece, so that a connection can be looked after meanwhile.
final class FileHashing {
    let path: UploadPath
    let file: FileDescriptor
    let fingerprint: Fingerprint
    private var hash: SHA256? = SHA256()
    /// Bytes that are hashed.
    private(set) var position: Int64 = 0

    /// Bytes, when it was opened.
    var size: Int64 { fingerprint.size }

    init(_ path: UploadPath, below folder: Folder) throws(FileObstacle) {
        self.path = path
        (file, fingerprint) = try openForSending(path.segments, below: folder)
    }

    /// Hashes at most `budget` bytes and takes them off it; returns the file when all of it is hashed.
    func advance(_ budget: inout Int, with buffer: UnsafeMutableRawBufferPointer) throws(FileObstacle) -> OutgoingFile?
    {
        while position < fingerprint.size {
            guard budget > 0 else { return nil }
            let count = try readPiece(of: file, at: position, end: fingerprint.size, into: buffer)
            hash?.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            position += Int64(count)
            budget -= count
        }
        guard let digest = hash.take()?.finish(), try currentFingerprint() == fingerprint else { throw .changed }
        return OutgoingFile(path: path, fingerprint: fingerprint, digest: digest)
    }

    private func currentFingerprint() throws(FileObstacle) -> Fingerprint {
        do throws(SystemCallError) { return Fingerprint(try file.status()) } catch { throw .failed(error) }
    }
}

/// The bytes of a request's body that have still to be read.
struct FileBody {
    let file: OutgoingFile
    private let descriptor: FileDescriptor
    private var position: Int64
    private let end: Int64

    /// `range`: of the file's bytes; else all of them.
    init(_ file: OutgoingFile, descriptor: FileDescriptor, range: Range<Int64>? = nil) {
        self.file = file
        self.descriptor = descriptor
        position = range?.lowerBound ?? 0
        end = range?.upperBound ?? file.size
    }

    /// Opens a file that was hashed before; throws `changed` if it is another now.
    init(reopening file: OutgoingFile, below folder: Folder) throws(FileObstacle) {
        self.init(file, descriptor: try reopen(file, below: folder))
    }

    var isComplete: Bool { position == end }

    /// Reads the next piece; throws `changed` where the file has become shorter.
    mutating func next(into buffer: UnsafeMutableRawBufferPointer) throws(FileObstacle) -> Int {
        let count = try readPiece(of: descriptor, at: position, end: end, into: buffer)
        position += Int64(count)
        return count
    }
}

/// Opens a file that was hashed before; throws `changed` if it is another now.
func reopen(_ file: OutgoingFile, below folder: Folder) throws(FileObstacle) -> FileDescriptor {
    let (descriptor, fingerprint) = try openForSending(file.path.segments, below: folder)
    guard fingerprint == file.fingerprint else { throw .changed }
    return descriptor
}

/// Reads at most a buffer full from `position` on and not beyond `end`; throws `changed` where the file has become shorter.
func readPiece(
    of file: FileDescriptor, at position: Int64, end: Int64, into buffer: UnsafeMutableRawBufferPointer
) throws(FileObstacle) -> Int {
    while true {
        let count = pread(
            file.number, buffer.baseAddress, Int(min(Int64(buffer.count), end - position)), off_t(position))
        if count > 0 { return count }
        guard count < 0 else { throw .changed }
        guard errno == EINTR else { throw .failed(SystemCallError("read", file.path)) }
    }
}
