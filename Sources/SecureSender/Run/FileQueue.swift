import Files
import UploadProtocol

/// The files of a run that were not sent yet: hashes the next one a piece at a time.
struct FileQueue {
    /// Hashed, and still open for its body.
    struct ReadyFile {
        let file: OutgoingFile
        let descriptor: FileDescriptor
    }

    enum Step {
        case ready
        /// More of the next file is to be hashed.
        case unfinished
        /// That file is out; there may be others.
        case obstacle(UploadPath, FileObstacle)
        case empty
    }

    private let files: [FileScan.Entry]
    private let folder: Folder
    private let hashedAtATime: Int
    private var next = 0
    private var hashing: FileHashing?
    private var ready: ReadyFile?
    private let buffer = PieceBuffer()

    init(files: [FileScan.Entry], folder: Folder, hashedAtATime: Int) {
        self.files = files
        self.folder = folder
        self.hashedAtATime = hashedAtATime
    }

    /// Files that were not taken yet.
    var count: Int { files.count - next + (hashing == nil ? 0 : 1) + (ready == nil ? 0 : 1) }

    var isReady: Bool { ready != nil }

    mutating func take() -> ReadyFile? { ready.take() }

    /// Comes nearer to having the next file ready, by a bounded amount of work.
    mutating func prepare() -> Step {
        guard ready == nil else { return .ready }
        if hashing == nil {
            guard next < files.count else { return .empty }
            let path = files[next].path
            next += 1
            do throws(FileObstacle) {
                hashing = try FileHashing(path, below: folder)
            } catch {
                return .obstacle(path, error)
            }
        }
        guard let hashing else { return .empty }
        var budget = hashedAtATime
        do throws(FileObstacle) {
            guard let file = try hashing.advance(&budget, with: buffer.bytes) else { return .unfinished }
            ready = ReadyFile(file: file, descriptor: hashing.file)
            self.hashing = nil
            return .ready
        } catch {
            self.hashing = nil
            return .obstacle(hashing.path, error)
        }
    }
}
