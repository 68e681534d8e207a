import CommandSupport
import UploadProtocol

/// What a run tells while it goes on. In its own time, that is: as values, for whoever puts them into words.
enum SendEvent: Hashable, Sendable {
    enum CertificateHolder: Hashable, Sendable { case pi, receiver }

    /// As far as is known; `bytes` is `nil` if it is not.
    case started(files: Int, bytes: Int64?, receiver: String, pi: PiName)
    /// The folder was looked at again while large files are on their way: so much is left; `bytes` is `nil` if that is not known.
    case lookedAgain(files: Int, bytes: Int64?)
    case connecting
    /// `cipherSuite`: as IANA names it.
    case connected(cipherSuite: String)
    /// A file is being hashed that is large enough to wait for; sizes in bytes.
    case hashing(UploadPath, bytes: Int64, size: Int64)
    /// Its first byte goes out.
    case begun(UploadPath, size: Int64, inParts: Bool)
    /// The receiver holds so many bytes of a file in parts for good.
    case reached(UploadPath, bytes: Int64, size: Int64)
    /// `keptAs`: another name below the sent folder, where its own was taken.
    case sent(UploadPath, receipt: Receipt, keptAs: String?)
    /// `file`: as a path below the folder.
    case failed(CommandFailure, file: String?)
    /// The receiver owes an answer or takes no bytes, for so long by now.
    case waiting(Duration)
    /// The connection is done with, and so many files that the receiver holds have still to be moved.
    case moving(files: Int)
    /// The receiver wants nothing for so long.
    case pausing(Duration, reason: String)
    case reconnecting(after: Duration, reason: String)
    /// The run ends before its files do; `files` are left, and the next run is to come after `pause` at the earliest.
    case gaveUp(reason: String, files: Int, pause: Duration)
    /// `behind`: seconds by which this Pi's clock is behind the receiver's.
    case clockIsWrong(behind: Int64, isSynchronised: Bool)
    /// `time`: seconds since 1970.
    case certificateEnds(CertificateHolder, time: Int64, remaining: Duration)
    /// A sentence that somebody should act on, though it goes on.
    case warning(String)
    /// A sentence about what is as it should be.
    case notice(String)
    /// All that is left was changed a moment ago, and is sent once it was unchanged for that long.
    case waitingForQuiet(files: Int, quietTime: Duration)
    /// Somebody is still writing so many files; they wait for the next run, and that is no failure.
    case beingWritten(files: Int)
    /// `waiting`: files that are left for the next run.
    case finished(sent: Int, waiting: Int, folder: String)
    case nothingToSend(folder: String)
    /// With their receipts.
    case sentFilesRemoved(files: Int, bytes: Int64)
}
