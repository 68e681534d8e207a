import CommandSupport
import Files
import UploadProtocol

/// What the options come to.
extension SecureSenderCommand {
    func send(_ report: Report) throws(CommandFailure) -> ExitStatus {
        guard let ip, let dir else { throw .missingArguments }
        let source = try Folder(source: dir)
        // First: who waits for it goes by what is there then.
        guard let lock = dryRun ? source.descriptor : lock(source, report) else { return .success }
        defer { withExtendedLifetime(lock) {} }
        let folder = try IdentityFolder.first(of: IdentityFolder.candidates(chosen: places.identity))
        let identity = try PiIdentity(readingFrom: folder)
        for path in identity.readableByAll {
            report(.warning("Warning: every user of this computer can read \(path)\n  hint: chmod 600 \(path)"))
        }
        guard let receiver = ReceiverAddress(ip, port: places.port) else { throw .notAnAddress(ip, port: places.port) }
        if let obstacle = FolderExit(of: source).obstacle {
            throw .immovable(.init(path: source.path, obstacle: obstacle))
        }
        let settings = try settings()
        if dryRun { return try list(source, identity, settings) }
        let sentFolder = try SentFolder.open(places.sentDir, for: source) { folder in
            Tidying(of: folder, identity: identity, limits: settings.sentLimits).run { report($0) }
        } tell: {
            report(.waitingForOthers($0))
        }
        let place = FolderSender.Place(name: dir, source: source, sentFolder: sentFolder, receiver: receiver)
        guard let interval = station.interval else {
            let sender = FolderSender(place, as: identity, settings: settings) { report($0) }
            // Also where the receiver is away for weeks: the station goes on to fill the disk.
            defer { sender.tidyUp() }
            return try sender.sendAll().status
        }
        try stay(at: place, as: identity, from: folder, settings: settings, interval: interval, report: report)
        return .success
    }

    private func settings() throws(CommandFailure) -> StationSettings {
        var settings = StationSettings()
        settings.file = try configurationFile.find()?.path
        settings.quietTime = .seconds(station.quietTime.seconds)
        settings.selection = selection.selection
        settings.sentLimits = housekeeping.limits
        settings.sender = transfer.settings
        return settings
    }

    private func stay(
        at place: FolderSender.Place, as identity: PiIdentity, from folder: IdentityFolder, settings: StationSettings,
        interval: Duration, report: Report
    ) throws(CommandFailure) {
        let watch = station.watch ? FolderWatch() : nil
        if station.watch, watch == nil {
            report(
                .notice("The kernel tells of no changes: looking at the folder every \(station.lookEvery) instead"))
        }
        let stop = StopSignal.fromSignals()
        let loopReport = LoopReport { report($0) }
        let sender = FolderSender(place, as: identity, settings: settings, watch: watch, stop: stop) { loopReport($0) }
        try StationLoop(sender, identityFolder: folder, interval: interval, watch: watch, stop: stop) { loopReport($0) }
            .run()
    }

    /// The dry run.
    private func list(
        _ source: Folder, _ identity: PiIdentity, _ settings: StationSettings
    ) throws(CommandFailure) -> ExitStatus {
        let sentFolder = SentFolder.existing(places.sentDir, for: source)
        if let sentFolder {
            do throws(SystemCallError) { try SentFolder.check(sentFolder, for: source) } catch {
                throw .sentFolder(sentFolder.path, error)
            }
        }
        let scan = try FileScan(
            of: source, leavingOut: sentFolder, keeping: identity, settingsFile: settings.file,
            selection: settings.selection)
        var dryRun = DryRun(of: source, settings: settings) { CommandOutput.say($0) }
        dryRun.list(scan)
        if let sentFolder { dryRun.list(sentFolder, of: identity) }
        return .success
    }

    /// `nil` if another run has the folder and is not to be waited for.
    private func lock(_ source: Folder, _ report: Report) -> FileDescriptor? {
        do throws(SystemCallError) {
            if let lock = try source.lockIfFree() { return lock }
            let name = CommandOutput.oneLine(source.path)
            guard station.wait else {
                report(.notice("Another secure-sender is sending from \(name): nothing to do"))
                return nil
            }
            report(.notice("Waiting for another secure-sender, which is sending from \(name)"))
            return try source.lock()
        } catch {
            // A file system without locks has to do without.
            return source.descriptor
        }
    }
}
