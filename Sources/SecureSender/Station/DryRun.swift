import CommandSupport
import Files
import Glibc
import UploadProtocol

/// Says what a run would do, and does nothing of it. A folder of any size can be listed: nothing is kept of it.
struct DryRun {
    let source: Folder
    let settings: StationSettings
    let say: (String) -> Void
    private var files = 0
    private var bytes: Int64 = 0
    private var left: [(name: String, reason: String)] = []

    init(of source: Folder, settings: StationSettings, say: @escaping (String) -> Void) {
        self.source = source
        self.settings = settings
        self.say = say
    }

    mutating func list(_ scan: FileScan) {
        let quietTime = QuietTime(settings.quietTime)
        var list = scan.files
        say("Would send, the oldest first:")
        while let file = list.take(.oldest, at: .now) { judge(file.path, quietTime) }
        say("\(counted(files, "file")), \(formattedSize(bytes))")
        if list.isPartial { say("and then as many more as there are") }
        for name in scan.settings.told { leave(name, "it holds the settings of secure-sender itself") }
        for (name, error) in scan.reserved.told + scan.unsendable.told { leave(name, "\(error)") }
        for error in scan.unreadable.told { leave(error.path, error.reason, error.wayOut) }
        for folder in scan.immovable.told { leave(folder.path, "\(folder.obstacle)") }
        tellLeft(untold: scan.reserved.untold + scan.unsendable.untold + scan.unreadable.untold + scan.immovable.untold)
    }

    /// What housekeeping would remove.
    func list(_ sentFolder: Folder, of identity: PiIdentity) {
        let tidying = Tidying(of: sentFolder, identity: identity, limits: settings.sentLimits)
        guard settings.sentLimits != nil else { return }
        say("Would remove from \(CommandOutput.oneLine(sentFolder.path)):")
        guard let outcome = tidying.look(removes: false, tell: { say("  \(CommandOutput.oneLine($0))") }) else {
            return
        }
        say("\(counted(outcome.removed, "file")), with their receipts \(formattedSize(outcome.freed))")
        tell("Would keep, though they are old enough:", outcome.kept) { ($0.path, "\($0.doubt)") }
        tell("Could not look at:", outcome.unreadable) { ($0.path, $0.reason) }
    }

    private func tell<Element>(
        _ title: String, _ noted: Noted<Element>, _ words: (Element) -> (path: String, reason: String)
    ) {
        guard noted.count > 0 else { return }
        say(title)
        for (path, reason) in noted.told.map(words) { say("  \(CommandOutput.oneLine(path)): \(reason)") }
        if noted.untold > 0 { say("and \(noted.untold) more") }
    }

    private mutating func judge(_ path: UploadPath, _ quietTime: QuietTime) {
        do throws(FileObstacle) {
            let (_, fingerprint) = try openForSending(path.segments, below: source)
            let isYoung = !quietTime.isOver(for: fingerprint, seenAs: nil, at: .now)
            files += 1
            bytes += fingerprint.size
            say(
                "  \(CommandOutput.oneLine(path.description))  \(formattedSize(fingerprint.size))"
                    + (isYoung ? "  once it is unchanged for \(roundedTime(settings.quietTime))" : ""))
        } catch {
            if error != .gone { leave(path.description, "\(error)", error.wayOut) }
        }
    }

    private mutating func leave(_ name: String, _ reason: String, _ wayOut: String? = nil) {
        left.append((name, reason + (wayOut.map { "; \($0)" } ?? "")))
    }

    private func tellLeft(untold: Int) {
        guard !left.isEmpty else { return }
        say("Would leave:")
        for (name, reason) in left { say("  \(CommandOutput.oneLine(name)): \(reason)") }
        if untold > 0 { say("and \(untold) more for such reasons") }
    }
}
