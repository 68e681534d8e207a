import Files
import UploadProtocol

/// The files of a run that were not begun yet. Hashes them piece by piece, a large one beside the small ones, which it
/// must not hold up.
struct FileQueue {
    /// Hashed, and still open for its body.
    struct ReadyFile {
        let upload: Upload
        let descriptor: FileDescriptor
    }

    enum Step {
        case done
        /// That file is out; there may be others.
        case obstacle(UploadPath, FileObstacle)
    }

    /// One file at a time.
    struct Lane {
        fileprivate var hashing: FileHashing?
        fileprivate var ready: ReadyFile?

        fileprivate var isFree: Bool { hashing == nil && ready == nil }
        fileprivate var count: Int { isFree ? 0 : 1 }

        var file: BegunFile? {
            hashing.map { BegunFile(path: $0.path, fingerprint: $0.fingerprint) }
                ?? ready.map { BegunFile($0.upload.file) }
        }
        /// Bytes.
        var size: Int64 { file?.fingerprint.size ?? 0 }
    }

    /// Large files that wait for the one before; more of them are left to the next look.
    static let mostLargeWaiting = 64

    private let source: FileSource
    private let folder: Folder
    private let largeAbove: Int64
    /// What finds none is not even hashed.
    var room = ReceiverRoom()
    private let hashedAtATime: Int
    private var order: UploadOrder
    private var small = Lane()
    /// One that an earlier look has begun comes before all others.
    private(set) var large: Lane
    private var largeWaiting: [FileList.File] = []
    /// Large files that are left to the next look.
    private(set) var leftCount = 0
    /// To be hashed again.
    private var again: [FileList.File] = []
    private var secondTries: Set<UploadPath> = []
    private let buffer = PieceBuffer()

    init(_ source: FileSource, folder: Folder, settings: SenderSettings, large: Lane = Lane()) {
        self.source = source
        self.folder = folder
        self.large = large
        largeAbove = settings.inPartsAbove
        hashedAtATime = settings.hashedAtATime
        order = UploadOrder(newestEvery: settings.newestEvery)
    }

    /// Files that were not taken yet.
    var count: Int { source.count + again.count + largeWaiting.count + small.count + large.count }

    /// Of all its files; `nil` if that is not known. For before the first is taken.
    var bytes: Int64? { source.bytes }

    /// The next small file, or large one, if it is hashed.
    var readySmall: ReadyFile? { small.ready }
    var readyLarge: ReadyFile? { large.ready }

    mutating func takeSmall() -> ReadyFile? { small.ready.take() }
    mutating func takeLarge() -> ReadyFile? { large.ready.take() }

    /// Whether `prepareSmall` or `prepareLarge` has something to do.
    var hasWork: Bool { mayPrepareSmall || large.hashing != nil || (large.isFree && !largeWaiting.isEmpty) }

    var mayPrepareSmall: Bool { small.hashing != nil || (small.isFree && mayTakeNext) }

    /// Whether large files alone are left.
    var hasNoSmall: Bool { small.isFree && !mayTakeNext }

    /// The large file that is being hashed, and how far it is.
    var largeHashing: FileHashing? { large.hashing }

    /// Has a file sent once more, hashed anew; false if that was tried already.
    mutating func tryAgain(_ file: OutgoingFile) -> Bool {
        guard secondTries.insert(file.path).inserted else { return false }
        again.append(FileList.File(path: file.path, fingerprint: file.fingerprint.hashValue))
        return true
    }
}

// MARK: - Hashing

extension FileQueue {
    /// Comes nearer to having the next small file ready, by a bounded amount of work.
    mutating func prepareSmall() -> Step {
        if small.isFree {
            guard mayTakeNext, let file = takeNext() else { return .done }
            do throws(FileObstacle) {
                let hashing = try open(file)
                guard room.admits(hashing.size) else { return .done }
                guard hashing.size > largeAbove else {
                    small.hashing = hashing
                    return advance(\.small)
                }
                takeLarge(hashing, of: file)
                return .done
            } catch {
                return .obstacle(file.path, error)
            }
        }
        return advance(\.small)
    }

    /// Comes nearer to having the next large file ready, by a bounded amount of work.
    mutating func prepareLarge() -> Step {
        if large.isFree, !largeWaiting.isEmpty {
            let file = largeWaiting.removeFirst()
            do throws(FileObstacle) {
                large.hashing = try open(file)
            } catch {
                return .obstacle(file.path, error)
            }
        }
        guard large.isFree || room.admits(large.size) else {
            large = Lane()
            return .done
        }
        return advance(\.large)
    }

    /// It may have been changed since the look, and between two of its writer's lines nobody has it open.
    private func open(_ file: FileList.File) throws(FileObstacle) -> FileHashing {
        let hashing = try FileHashing(file.path, below: folder)
        guard source.isQuiet(hashing.fingerprint, seenAs: file.fingerprint) else { throw .beingWritten }
        return hashing
    }

    private mutating func takeLarge(_ hashing: FileHashing, of file: FileList.File) {
        if large.isFree, largeWaiting.isEmpty {
            large.hashing = hashing
        } else if largeWaiting.count < Self.mostLargeWaiting {
            largeWaiting.append(file)
        } else {
            // The small ones behind must not wait.
            leftCount += 1
        }
    }

    private var mayTakeNext: Bool { source.count > 0 || !again.isEmpty }

    private mutating func takeNext() -> FileList.File? {
        again.isEmpty ? source.next(order.next()) : again.removeFirst()
    }

    private mutating func advance(_ lane: WritableKeyPath<FileQueue, Lane>) -> Step {
        guard let hashing = self[keyPath: lane].hashing else { return .done }
        var budget = hashedAtATime
        do throws(FileObstacle) {
            guard let file = try hashing.advance(&budget, with: buffer.bytes) else { return .done }
            let upload = Upload(file: file, isSecondTry: secondTries.contains(file.path))
            self[keyPath: lane] = Lane(ready: ReadyFile(upload: upload, descriptor: hashing.file))
            return .done
        } catch {
            self[keyPath: lane] = Lane()
            return .obstacle(hashing.path, error)
        }
    }
}
