import CommandSupport
import Files
import Glibc
import UploadProtocol

/// Sends what is in a folder, again and again if it is asked to.
final class FolderSender {
    struct Place: Sendable {
        /// As the user named the folder, for messages.
        let name: String
        let source: Folder
        let sentFolder: Folder
        let receiver: ReceiverAddress
    }

    let place: Place
    var identity: PiIdentity
    private let settings: StationSettings
    private let watch: FolderWatch?
    private let stop: StopSignal
    private let report: (SendEvent) -> Void
    private var refused = RefusedFiles()
    private var room = ReceiverRoom()
    /// A link that breaks soon does so in the next run too.
    private var reach = LinkReach()
    /// What was told at the last look of what is not sent.
    private var told: [SendEvent] = []
    private var toldOfTidying: [SendEvent] = []
    private var toldOfMoves: [SendEvent] = []
    private var begun = BegunFiles()
    /// Whether the last look sent nothing while some files had further names: the one it tried may be what is wrong.
    private var takesAllNames = false
    /// Whether the last run ended because files could not be moved.
    private var couldNotMove = false

    private var source: Folder { place.source }
    private var sentFolder: Folder { place.sentFolder }

    init(
        _ place: Place, as identity: PiIdentity, settings: StationSettings, watch: FolderWatch? = nil,
        stop: StopSignal = StopSignal(), report: @escaping (SendEvent) -> Void
    ) {
        self.place = place
        self.identity = identity
        self.settings = settings
        self.watch = watch
        self.stop = stop
        self.report = report
    }

    /// Looks at the folder and sends what is there, and looks again as long as there may be more than one look holds.
    func sendAll() throws(CommandFailure) -> Outcome {
        var outcome = Outcome()
        repeat {
            outcome.beginLook()
            try lookAndSend(&outcome, isLast: true)
        } while outcome.wantsLook
        if outcome.beingWritten > 0 { report(.beingWritten(files: outcome.beingWritten)) }
        return outcome
    }

    /// As `sendAll()`, with one look. What is too young for it is left to the next where changes are watched.
    func send() throws(CommandFailure) -> Outcome {
        var outcome = Outcome()
        try lookAndSend(&outcome, isLast: watch == nil)
        if outcome.beingWritten > 0 { report(.beingWritten(files: outcome.beingWritten)) }
        return outcome
    }

    /// As `sendAll()`, where nobody will look again: what is open gets the quiet time to be closed.
    func sendRest() throws(CommandFailure) {
        guard try sendAll().beingWritten > 0 else { return }
        stop.wait(until: .now + settings.quietTime)
        _ = try sendAll()
    }

    /// Files that should be sent and are there, for whatever reason, and folders that cannot be read; `nil` if that cannot be told.
    func restCount() -> Int? {
        let scan = try? FileScan(
            of: source, leavingOut: sentFolder, keeping: identity, settingsFile: settings.file,
            selection: settings.selection)
        return scan.map { $0.files.count + $0.leftCount }
    }

    /// When something is to be tried again that was left alone at a look which began at `time`.
    func retryTime(after time: Uptime) -> Uptime? {
        // What is past was tried by that look, if it is still there.
        [refused.retryTime(after: time), room.retryTime.flatMap { $0 > time ? $0 : nil }].compactMap { $0 }.min()
    }

    struct Outcome {
        var sent = 0
        /// Of the last look: files that were tried and wait.
        var failed = 0
        /// Of these: for want of room at the receiver. Smaller ones may find some.
        var withoutRoom = 0
        /// The receiver takes nothing now, and it makes no sense to try again before so long.
        var pause: Duration?
        /// Of the last look: files that somebody is still writing.
        var beingWritten = 0
        /// When the first and the last have been quiet of those that were too young for this look, which another one is to send.
        var quietEnds: ClosedRange<Uptime>?
        /// Another look may find files that the last one left for want of room or time.
        var wantsLook = false
        /// Of the last look: what should be sent, and was not tried.
        fileprivate var left = 0

        /// That of the last look, which finds all that still waits.
        var status: ExitStatus { failed + left == 0 ? .success : .temporaryFailure }

        /// What waited may be sent by now.
        fileprivate mutating func beginLook() {
            (failed, withoutRoom, left, beingWritten, quietEnds, wantsLook) = (0, 0, 0, 0, nil, false)
        }
    }
}

extension FolderSender {
    /// `isLast`: no other look is to send what is too young for this one.
    private func lookAndSend(_ outcome: inout Outcome, isLast: Bool) throws(CommandFailure) {
        let scan = try look()
        tell(of: scan)
        let files = FileSource(scan.files, folder: source, watch: watch)
        begun = begun.found(scan.begun)
        outcome.left = scan.leftCount
        defer { outcome.beingWritten += files.beingWrittenCount }
        guard files.totalCount > 0 || !begun.isNothing else {
            if outcome.status == .success, outcome.sent == 0 { report(.nothingToSend(folder: place.name)) }
            return
        }
        let sentBefore = outcome.sent
        defer { takesAllNames = scan.furtherNameCount > 0 && outcome.sent == sentBefore }
        guard try send(files, &outcome) else { return }
        if let ends = files.quietEnds, !isLast, !files.hasFuture {
            // What appears meanwhile may be old enough at once.
            outcome.quietEnds = ends
            outcome.wantsLook = outcome.sent > sentBefore && (files.isPartial || scan.furtherNameCount > 0)
            return
        }
        if let time = files.quietEnds?.upperBound {
            report(.waitingForQuiet(files: files.totalCount, quietTime: settings.quietTime))
            stop.wait(until: time)
            guard try send(files, &outcome) else { return }
        }
        let mayHoldMore = files.isPartial || files.totalCount > 0 || scan.furtherNameCount > 0
        outcome.wantsLook = outcome.sent > sentBefore && mayHoldMore
    }

    private func look() throws(CommandFailure) -> FileScan {
        do throws(SystemCallError) {
            if couldNotMove { try SentFolder.probe(sentFolder, stop: stop, tell: tellOfWaiting, makeRoom: tidyUp) }
            couldNotMove = false
        } catch {
            throw .sentFolder(sentFolder.path, error)
        }
        do throws(SystemCallError) {
            let files = SentFiles(source: source, root: sentFolder, stop: stop)
            let warnings = SendEvent.warnings(of: try files.recover(tell: tellOfWaiting))
            if warnings != toldOfMoves { warnings.forEach(report) }
            toldOfMoves = warnings
        } catch {
            throw .sentFolder(sentFolder.path, reason: "an interrupted move cannot be finished: \(error)")
        }
        return try FileScan(
            of: source, leavingOut: sentFolder, keeping: identity, settingsFile: settings.file,
            quietTime: QuietTime(settings.quietTime), lifetime: settings.quietTime + settings.lookLifetime,
            selection: settings.selection, watch: watch,
            begun: begun.files, isOneNameEnough: !takesAllNames
        ) { [refused] in refused.spares($0, at: .now) }
    }

    private func tellOfWaiting() { report(.waitingForOthers(sentFolder)) }

    /// As often as something may have come that is old enough by now, and where the disk is full.
    func tidyUp() {
        var warnings: [SendEvent] = []
        Tidying(of: sentFolder, identity: identity, limits: settings.sentLimits, stop: stop).run { event in
            if case .warning = event { warnings.append(event) } else { report(event) }
        }
        if warnings != toldOfTidying { warnings.forEach(report) }
        toldOfTidying = warnings
    }

    /// False if it had to give up, or the folder is to be looked at again first.
    private func send(_ files: FileSource, _ outcome: inout Outcome) throws(CommandFailure) -> Bool {
        guard files.count > 0 || !begun.isNothing, !stop.isWanted else { return true }
        let clock = SenderClock(
            bundleTime: identity.made, lastReceipt: LastReceiptTime(folder: sentFolder.path).load())
        let run = SendRun(
            to: place.receiver, as: identity, files: files, from: source, sentFolder: sentFolder, begun: begun,
            clock: clock, settings: settings.sender, stop: stop
        ) { [report, left = outcome.left + outcome.failed] event in
            // They wait too, though this run has not begun with them.
            guard case .finished(let sent, let waiting, let folder) = event else { return report(event) }
            report(.finished(sent: sent, waiting: waiting + left, folder: folder))
        }
        (run.reach, run.refused, run.room) = (reach, refused, room.later(at: .now))
        defer { (begun, reach, refused, room) = (run.begun, run.reach, run.refused, run.room) }
        _ = try run.run()
        outcome.sent += run.sentCount
        outcome.failed += run.failedCount
        outcome.withoutRoom += run.room.waitingCount
        outcome.beingWritten += run.beingWrittenCount
        outcome.pause = run.end?.pause
        couldNotMove = run.immovableCount > 0
        outcome.wantsLook = run.wantsLook
        return run.end == nil && !run.wantsLook && !stop.isWanted
    }

    /// What of the folder is not sent, unless it is what was told the last time.
    private func tell(of scan: FileScan) {
        let notices = Self.notices(of: scan)
        if notices != told { notices.forEach(report) }
        told = notices
    }

    private static func notices(of scan: FileScan) -> [SendEvent] {
        var notices: [SendEvent] = scan.settings.told.map { name in
            .notice("\(CommandOutput.oneLine(name)) left out: it holds the settings of secure-sender itself")
        }
        if let (name, error) = scan.reserved.told.first {
            notices.append(
                .notice(
                    "\(counted(scan.reserved.count, "name")) left out that the receiver does not take, such as "
                        + "\(CommandOutput.oneLine(name)): \(error)"))
        }
        notices += scan.failures.map { .failed($0.failure, file: $0.name) }
        if scan.unsendable.untold > 0 {
            notices.append(.warning("\(counted(scan.unsendable.untold, "more file")) with such a name"))
        }
        if scan.unreadable.untold > 0 {
            notices.append(.warning("\(counted(scan.unreadable.untold, "more name")) that cannot be looked at"))
        }
        return notices
    }
}

extension SendEvent {
    /// Another run holds its lock.
    static func waitingForOthers(_ sentFolder: Folder) -> SendEvent {
        .notice(
            "Waiting for another secure-sender, which is moving files to \(CommandOutput.oneLine(sentFolder.path))")
    }
}

/// What a station keeps to beside what a run does.
struct StationSettings: Sendable {
    /// How long a file has to be unchanged before it is sent. The default is 5 s.
    var quietTime: Duration = .seconds(5)
    /// How long what one look found is sent before the folder is looked at again, from when it has been quiet. The default is
    /// 5 min.
    var lookLifetime: Duration = .seconds(300)
    var selection = FileSelection()
    /// Where these are from, if they are from a file.
    var file: String?
    /// The default is that sent files stay.
    var sentLimits: SentLimits?
    var sender = SenderSettings()
}
