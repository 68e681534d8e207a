import Files

/// What is to be sent next.
struct Departure {
    let exchange: Exchange
    /// `nil` where there is none, or not a byte of it.
    let body: FileBody?
}

extension SendRun {
    /// Begins the next request, if one is ready and may go.
    func next() -> Departure? {
        guard end == nil, stopTime == nil, policy.pauseEnd <= .now, unmovedCount < settings.mostUnmoved, !seesNews()
        else { return nil }
        for lane in turns.order {
            guard let departure = lane == .small ? nextSmall() : nextLarge() else { continue }
            turns.took(lane, bytes: departure.exchange.bodySize)
            pipeline.begin(departure.exchange)
            return departure
        }
        return nil
    }

    /// Whether all that is to be sent is sent and answered.
    var isDone: Bool {
        pipeline.unanswered.isEmpty
            && (stopTime != nil || wantsLook || pipeline.nothingWaits && inParts.isEmpty && queue.count == 0)
    }

    private func nextSmall() -> Departure? {
        for file in inParts where !isLarge(file) {
            if let departure = nextStep(of: file) { return departure }
        }
        while let upload = pipeline.nextWaiting(hasNew: !queue.hasNoSmall, where: hasTurn), hasRoom(for: upload) {
            pipeline.takeWaiting(upload)
            guard room.admits(upload.file.size) else { continue }
            do throws(FileObstacle) {
                if let departure = begin(upload, try reopen(upload.file, below: folder)) { return departure }
            } catch {
                leave(upload.file.path, error)
            }
        }
        guard pipeline.waiting.isEmpty, let ready = queue.readySmall, hasRoom(for: ready.upload) else { return nil }
        _ = queue.takeSmall()
        guard room.admits(ready.upload.file.size) else { return nil }
        report(.begun(ready.upload.file.path, size: ready.upload.file.size, inParts: goesInParts(ready.upload)))
        return begin(ready.upload, ready.descriptor)
    }

    private func nextLarge() -> Departure? {
        if hasLargeTurn, let ready = queue.takeLarge(),
            room.admits(ready.upload.file.size)
        {
            report(.begun(ready.upload.file.path, size: ready.upload.file.size, inParts: true))
            inParts.append(FileInParts(ready.upload, descriptor: ready.descriptor))
        }
        guard let index = inParts.firstIndex(where: { isLarge($0) && hasStep($0) }) else { return nil }
        let file = inParts.remove(at: index)
        // They take turns.
        inParts.append(file)
        return nextStep(of: file)
    }

    private func hasTurn(_ upload: Upload) -> Bool { upload.file.size <= settings.inPartsAbove || hasLargeTurn }

    private var hasLargeTurn: Bool { inParts.filter(isLarge).count < settings.largeFilesAtOnce }

    private func isLarge(_ file: FileInParts) -> Bool { file.file.size > settings.inPartsAbove }

    /// Announcing brings the receipt of what came whole, and the offset of what did not.
    private func goesInParts(_ upload: Upload) -> Bool {
        let limit = reach.inPartsAbove(settings.inPartsAbove)
        return upload.file.size > (upload.wasCut ? min(limit, settings.keptAbove) : limit)
    }
}

// MARK: - Room

extension SendRun {
    private func hasRoom(for bytes: Int64) -> Bool { pipeline.hasRoom(for: bytes, within: settings.bytesInFlight) }

    /// One of those that go in parts on a bad link alone is enough: each of them has to be announced on each connection.
    private func hasRoom(for upload: Upload) -> Bool {
        goesInParts(upload)
            ? hasRoom(for: 0) && inParts.allSatisfy { isLarge($0) || $0.isEnding }
            : pipeline.hasRoom(
                forFile: upload.file.size, within: settings.bytesInFlight,
                risking: reach.bytesAtRisk(settings.bytesInFlight))
    }

    private func begin(_ upload: Upload, _ descriptor: FileDescriptor) -> Departure? {
        guard goesInParts(upload) else {
            let body = FileBody(upload.file, descriptor: descriptor)
            return Departure(exchange: Exchange(upload: upload, request: .put, begun: .now), body: body)
        }
        let file = FileInParts(upload, descriptor: descriptor)
        inParts.append(file)
        return nextStep(of: file)
    }

    private func hasStep(_ file: FileInParts) -> Bool {
        if file.transfer.wantsAnnouncement { return hasRoom(for: 0) }
        return file.nextPart(mostUnderWay: settings.partsInFlight).map { hasRoom(for: $0.size) } ?? false
    }

    private func nextStep(of file: FileInParts) -> Departure? {
        guard hasStep(file) else { return nil }
        guard let part = file.nextPart(mostUnderWay: settings.partsInFlight) else {
            file.transfer.begin(.announce)
            return Departure(
                exchange: Exchange(upload: file.transfer.upload, request: .announce, begun: .now), body: nil)
        }
        let exchange = Exchange(upload: file.transfer.upload, request: .part(part), begun: .now)
        return Departure(exchange: exchange, body: file.begin(part))
    }
}

// MARK: - Hashing

extension SendRun {
    /// Whether `prepare` has something to do.
    var hasWork: Bool { queue.hasWork || inParts.contains { $0.hasWork } }

    /// Makes the next files and parts ready, by a bounded amount of work.
    func prepare() {
        if queue.readySmall == nil { take(queue.prepareSmall()) }
        if queue.readyLarge == nil {
            take(queue.prepareLarge())
            tellOfHashing()
        }
        let largest = reach.largestPart(settings.partSizes.upperBound)
        for file in inParts where file.hasWork {
            // What would go whole on a better link holds up the others no longer in one part, and each part costs a kilobyte.
            let size = isLarge(file) ? min(partSize.current, largest) : largest
            do throws(FileObstacle) {
                try file.prepare(size: size, budget: settings.hashedAtATime, with: piece.bytes)
            } catch {
                fail(file, error)
            }
        }
    }

    /// Makes the next small file ready; false if it is not.
    func prepareSmall() -> Bool {
        while queue.readySmall == nil, queue.mayPrepareSmall {
            guard case .obstacle(let path, let obstacle) = queue.prepareSmall() else { return queue.readySmall != nil }
            leave(path, obstacle)
        }
        return false
    }

    private func tellOfHashing() {
        guard let hashing = queue.largeHashing, Uptime.now - lastHashingWord >= .seconds(1) else { return }
        lastHashingWord = .now
        report(.hashing(hashing.path, bytes: hashing.position, size: hashing.size))
    }

    private func take(_ step: FileQueue.Step) {
        guard case .obstacle(let path, let obstacle) = step else { return }
        leave(path, obstacle)
    }
}
