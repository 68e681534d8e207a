import CommandSupport
import Files
import Glibc
import UploadProtocol

/// Sends what appears in a folder, until it is told to stop.
final class StationLoop {
    private let sender: FolderSender
    private let identityFolder: IdentityFolder
    private let stop: StopSignal
    private let watch: FolderWatch?
    private let places: PlaceWatch?
    private var schedule: LookSchedule
    private let report: (SendEvent) -> Void
    private var identityVersion: [Fingerprint?]
    /// What was told of an identity that cannot be used, until it can.
    private var identityFailure: CommandFailure?
    private var hasToldMissingWatches = false
    /// The whole folder of sent files is read for it.
    private var nextTidying = Uptime.now

    /// `watch`: `nil` for a plain period.
    init(
        _ sender: FolderSender, identityFolder: IdentityFolder, interval: Duration,
        backOff: ClosedRange<Duration> = LookSchedule.defaultBackOff, watch: FolderWatch?, stop: StopSignal,
        report: @escaping (SendEvent) -> Void
    ) {
        self.sender = sender
        self.identityFolder = identityFolder
        self.stop = stop
        self.watch = watch
        self.report = report
        let place = sender.place
        places = PlaceWatch(of: [place.name, place.source.path, place.sentFolder.path])
        schedule = LookSchedule(interval: interval, isPlain: watch == nil, backOff: backOff)
        identityVersion = sender.identity.files
    }

    /// Throws if one of the folders is no longer there: what comes in its place may be another disk.
    func run() throws(CommandFailure) {
        while !stop.isWanted {
            let start = Uptime.now
            // What comes from now on is for the next look.
            _ = watch?.takeChanges()
            try checkFolders()
            renewIdentity()
            let (result, quiet) = look()
            tellOfMissingWatches()
            tidyUp()
            let next = schedule.next(
                after: result, begun: start, quiet: quiet, retry: sender.retryTime(after: start), at: .now)
            try wait(until: next.earliest)
            try wait(until: next.latest, orChangesIn: watch)
        }
    }

    private func look() -> (LookSchedule.Result, quiet: ClosedRange<Uptime>?) {
        do throws(CommandFailure) {
            let outcome = try sender.send()
            return (result(of: outcome), outcome.quietEnds)
        } catch {
            report(.failed(error, file: nil))
            return (.failed(pause: .zero), nil)
        }
    }

    private func result(of outcome: FolderSender.Outcome) -> LookSchedule.Result {
        if let pause = outcome.pause { return .failed(pause: pause) }
        if outcome.wantsLook { return .unfinished }
        // Those that are too young may fare better.
        if outcome.failed > outcome.withoutRoom, outcome.sent == 0, outcome.quietEnds == nil { return .allWait }
        return outcome.status == .success && outcome.beingWritten == 0 ? .allSent : .someWait
    }

    private func tidyUp() {
        guard nextTidying <= .now, !stop.isWanted else { return }
        nextTidying = .now + .seconds(3600)
        sender.tidyUp()
    }

    private func tellOfMissingWatches() {
        guard let watch, watch.isIncomplete, !hasToldMissingWatches else { return }
        hasToldMissingWatches = true
        report(
            .warning(
                "Not all folders can be watched: files in the others wait for the next look\n"
                    + "  hint: a larger number in /proc/sys/fs/inotify/max_user_watches, or a shorter time for --look-every"
            ))
    }

    private func wait(until time: Uptime, orChangesIn watch: FolderWatch? = nil) throws(CommandFailure) {
        while !stop.isWanted, Uptime.now < time {
            if let watch, watch.takeChanges() { return }
            if let places, places.takeChanges() { try checkFolders() }
            stop.poll(watch?.descriptor, for: Int16(POLLIN), or: places?.descriptor, until: time)
        }
    }

    private func checkFolders() throws(CommandFailure) {
        for folder in [sender.place.source, sender.place.sentFolder] where !folder.isInPlace {
            throw .notADirectory(
                folder.path, reason: "it was removed, or another one is in its place",
                hint: "what is there now may be another disk: start secure-sender again when it is the right one")
        }
        try checkName()
    }

    /// A logger may switch a link from one day's folder to the next. The day's last files are sent first: no later start would
    /// find them.
    private func checkName() throws(CommandFailure) {
        let place = sender.place
        guard !place.source.isWhere(place.name) else { return }
        let folder = CommandOutput.oneLine(place.source.path)
        report(
            .notice(
                "\(CommandOutput.oneLine(place.name)) leads to another folder now: sending what is left in \(folder)"))
        do throws(CommandFailure) { try sender.sendRest() } catch { report(.failed(error, file: nil)) }
        throw .leadsElsewhere(place, left: sender.restCount())
    }

    /// A renewed certificate counts from the next connection on. While its files are being exchanged the old one does.
    private func renewIdentity() {
        let version = identityFolder.version
        guard version != identityVersion else {
            identityFailure = nil
            return
        }
        do throws(CommandFailure) {
            sender.identity = try PiIdentity(readingFrom: identityFolder)
            (identityVersion, identityFailure) = (version, nil)
        } catch {
            guard error != identityFailure else { return }
            identityFailure = error
            report(.warning("The changed identity cannot be used, the one from before still counts: \(error)"))
        }
    }
}

extension IdentityFolder {
    /// Changes with any of its files.
    var version: [Fingerprint?] {
        [Self.secretFile, Self.certificateFile, Self.rootsFile].map { file in
            (try? fileStatus(path(of: file), followingLinks: true)).flatMap { $0 }.map { Fingerprint($0) }
        }
    }
}

extension Folder {
    /// Whether its path still leads to it.
    fileprivate var isInPlace: Bool { isWhere(path) }

    /// Whether that path leads to it.
    fileprivate func isWhere(_ path: String) -> Bool {
        guard let own = try? descriptor.status(), let there = try? fileStatus(path, followingLinks: true) else {
            return false
        }
        return Fingerprint(own).isSameFile(as: Fingerprint(there))
    }
}
