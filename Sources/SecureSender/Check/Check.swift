import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// Goes the way of a run, one step after the other, and sends nothing. Each step needs those before it: the first that
/// fails ends it, with the failure in which the run would end.
struct Check {
    /// As typed.
    let address: String
    let port: UInt16
    let folder: String?
    let sentFolder: String?
    var selection = FileSelection()
    let identityFolder: String?
    /// The path of the one in use, if there is one.
    var configurationFile: String?
    var settings = SenderSettings()
    let report: (CheckFinding) throws(CommandFailure) -> Void

    func run() throws(CommandFailure) {
        let identity = try at(.identity, lookAtIdentity)
        let lastReceipt = try lookAtFolders(of: identity)
        var clock = SenderClock(bundleTime: identity.made, lastReceipt: lastReceipt)
        try at(.certificate) { () throws(CommandFailure) in try lookAtCertificate(of: identity, clock) }
        let (receiver, addresses) = try at(.address, lookUpReceiver)
        let socket = try at(.connection) { () throws(CommandFailure) in try connect(to: receiver, addresses) }
        let channel = try at(.receiver) { () throws(CommandFailure) in
            try open(socket, to: receiver, as: identity, clock)
        }
        defer { channel.close() }
        let inquiry = Inquiry(
            channel, receiver: receiver, identity: identity, timeLimit: settings.inactivityTimeLimit, check: self)
        try inquiry.run(&clock)
    }

    /// Tells of a step that fails.
    func at<Result>(
        _ step: CheckStep, _ look: () throws(CommandFailure) -> Result
    ) throws(CommandFailure) -> Result {
        do throws(CommandFailure) { return try look() } catch {
            try report(CheckFinding(step, .failed, ""))
            throw error
        }
    }

    func ok(_ step: CheckStep, _ words: String) throws(CommandFailure) {
        try report(CheckFinding(step, .ok, words))
    }

    func warn(_ step: CheckStep, _ words: String, hint: String) throws(CommandFailure) {
        try report(CheckFinding(step, .warning, words, hint: hint))
    }
}

// MARK: - Here

extension Check {
    private func lookAtIdentity() throws(CommandFailure) -> PiIdentity {
        let folder = try IdentityFolder.first(of: IdentityFolder.candidates(chosen: identityFolder))
        let identity = try PiIdentity(readingFrom: folder)
        let place = "\(identity.name), in \(CommandOutput.oneLine(folder.path))"
        for path in identity.readableByAll {
            try warn(.identity, "\(place): every user of this computer can read \(path)", hint: "chmod 600 \(path)")
        }
        if identity.readableByAll.isEmpty { try ok(.identity, "\(place), closed to others") }
        return identity
    }

    private func lookAtCertificate(of identity: PiIdentity, _ clock: SenderClock) throws(CommandFailure) {
        let certificate = identity.certificateChain[0]
        let now = clock.time(at: .now)
        guard let end = certificate.notAfter, end > now else {
            throw .authenticationFailed(
                reason: "this Pi's certificate ended on \(HTTPDate.format(certificate.notAfter ?? 0))",
                hint: "\(identity.renewal) (judged at \(identity.words(for: clock.certificateTime(at: .now))))")
        }
        if !identity.trustRoots.contains(where: { certificate.isSigned(by: $0) }) {
            try warn(
                .certificate, "this Pi's certificate was not issued by an authority in ca.pem",
                hint: "are pi.pem and ca.pem of one lab? Copy all three files again")
        } else if .seconds(end - now) < settings.certificateWarning {
            try warn(
                .certificate,
                "of \(identity.name), ends in \(roundedTime(.seconds(end - now))), on \(HTTPDate.format(end))",
                hint: identity.renewal)
        } else {
            try ok(.certificate, "of \(identity.name), until \(HTTPDate.format(end))")
        }
    }

    /// Returns the time of the last receipt, if there is one.
    private func lookAtFolders(of identity: PiIdentity) throws(CommandFailure) -> Int64? {
        guard let folder else { return nil }
        let source = try at(.folder) { () throws(CommandFailure) in try Folder(source: folder) }
        let target = try at(.sentFiles) { () throws(CommandFailure) in
            try SentFolder.examine(sentFolder, for: source)
        }
        let scan = try at(.folder) { () throws(CommandFailure) in
            try look(through: source, leavingOut: target, keeping: identity)
        }
        let words = "\(CommandOutput.oneLine(folder)): \(counted(scan.files.count, "file"))"
        let unopened = unopenedFiles(of: scan, in: source)
        if let (name, failure) = scan.failures.first ?? unopened.told.first {
            try warn(
                .folder,
                "\(words), and \(counted(scan.leftCount + unopened.count, "name")) that cannot be sent, such as \(name): \(failure.reason ?? failure.message)",
                hint: failure.hint ?? "a run says why of each")
        } else {
            try ok(.folder, words)
        }
        let place = target?.path ?? SentFolder.path(sentFolder, for: source)
        try ok(
            .sentFiles, "go to \(CommandOutput.oneLine(place))\(target == nil ? ", which the first run makes" : "")")
        return LastReceiptTime(folder: place).load()
    }

    /// Files that a run would leave; it opens them one by one too.
    private func unopenedFiles(of scan: FileScan, in source: Folder) -> Noted<(name: String, failure: CommandFailure)> {
        var files = scan.files
        var unopened = Noted<(name: String, failure: CommandFailure)>()
        while let file = files.take(.oldest, at: .now) {
            let name = file.path.description
            do throws(FileObstacle) { _ = try openForSending(file.path.segments, below: source) } catch {
                // Those of a station at work.
                guard ![.gone, .beingWritten].contains(error) else { continue }
                unopened.append((name, .notSent(file.path, reason: "\(error)", hint: error.wayOut)))
            }
        }
        return unopened
    }

    private func look(
        through source: Folder, leavingOut target: Folder?, keeping identity: PiIdentity
    ) throws(CommandFailure) -> FileScan {
        if let obstacle = FolderExit(of: source).obstacle {
            throw .immovable(.init(path: source.path, obstacle: obstacle))
        }
        return try FileScan(
            of: source, leavingOut: target, keeping: identity, settingsFile: configurationFile, selection: selection)
    }
}

// MARK: - On the way

extension Check {
    private func lookUpReceiver() throws(CommandFailure) -> (ReceiverAddress, [NetworkAddress]) {
        guard let receiver = ReceiverAddress(address, port: port) else { throw .notAnAddress(address, port: port) }
        let addresses: [NetworkAddress]
        do throws(Dialer.Failure) { addresses = try Dialer.addresses(of: receiver) } catch {
            throw .notReached(receiver, reason: error.reason, hint: error.hint)
        }
        let texts = addresses.map(\.text)
        try ok(
            .address, texts == [receiver.host] ? receiver.host : "\(receiver.host) is \(texts.joined(separator: ", "))")
        return (receiver, addresses)
    }

    private func connect(
        to receiver: ReceiverAddress, _ addresses: [NetworkAddress]
    ) throws(CommandFailure) -> FileDescriptor {
        let socket: FileDescriptor
        do throws(Dialer.Failure) {
            socket = try Dialer.connect(to: addresses, of: receiver, timeLimit: settings.connectTimeLimit)
        } catch {
            throw .notReached(receiver, reason: error.reason, hint: error.hint)
        }
        try ok(.connection, "something listens on port \(port)")
        return socket
    }

    private func open(
        _ socket: FileDescriptor, to receiver: ReceiverAddress, as identity: PiIdentity, _ clock: SenderClock
    ) throws(CommandFailure) -> SecureChannel {
        let channel: SecureChannel
        do throws(ConnectFailure) {
            channel = try SecureChannel.open(
                over: socket, to: receiver, as: identity, certificateTime: clock.certificateTime(at: .now),
                settings: settings)
        } catch {
            switch error {
            case .refused(let failure): throw failure
            case .unreachable(let reason, let hint, _): throw .notReached(receiver, reason: reason, hint: hint)
            }
        }
        let end = channel.peerCertificate?.notAfter ?? 0
        let rest = end - clock.time(at: .now)
        if .seconds(rest) < settings.certificateWarning {
            try warn(
                .receiver,
                "is the one that this Pi trusts; its certificate ends in \(roundedTime(.seconds(max(0, rest))))",
                hint: "on the server: provision renew --server")
        } else {
            try ok(.receiver, "is the one that this Pi trusts, until \(HTTPDate.format(end))")
        }
        return channel
    }
}
