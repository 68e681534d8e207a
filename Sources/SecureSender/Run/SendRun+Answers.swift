import CommandSupport
import OpenSSL
import UploadProtocol

extension SendRun {
    /// Changes what an answer changes. Returns why its connection is to be ended, if it is; throws if nothing more can come of
    /// this run.
    func take(_ verdict: Verdict, of exchange: Exchange) throws(CommandFailure) -> String? {
        switch verdict {
        case .stored(let receipt):
            inParts.removeAll { $0.file == exchange.file }
            decided(bytes: exchange.bodySize)
            room.found(exchange.file.size)
            pipeline.stored()
            acknowledged.append(AcknowledgedFile(file: exchange.file, receipt: receipt))
        case .refused(let reason, let hint):
            decided(bytes: exchange.bodySize)
            refused.add(exchange.file.fingerprint, at: .now)
            fail(exchange, reason: reason, hint: hint)
        case .noRoom(let reason, let hint):
            decided(bytes: exchange.bodySize)
            takeNoRoom(exchange, reason: reason, hint: hint)
        case .notWritten(let reason, let hint):
            takeUnwritten(exchange, reason: reason, hint: hint)
        case .damaged(let isWhole, let reason):
            decided(bytes: exchange.bodySize)
            takeDamage(exchange, isWhole: isWhole, reason: reason)
        case .clockSkew(let receiverTime):
            correctClock(to: receiverTime)
            retryWithCorrectedTime(exchange)
        case .later(let reason, let seconds):
            pipeline.slowDown()
            postpone(exchange)
            pause(seconds, reason: reason)
        case .interrupted(let reason):
            pipeline.putBack(exchange)
            return reason
        case .notAuthenticated(let reason, let hint):
            throw .authenticationFailed(reason: reason, hint: hint)
        case .reached(let offset):
            advance(exchange) { $0.reached(offset, by: exchange.request) }
        case .misplaced(let offset):
            advance(exchange) { $0.misplaced(goOnAt: offset) }
        case .lost:
            advance(exchange) { $0.lost() }
        }
        return nil
    }

    private func fileInParts(of exchange: Exchange) -> FileInParts? {
        inParts.first { $0.file == exchange.file }
    }

    /// The receiver has decided about a file or a part: more may be under way.
    private func decided(bytes: Int64) {
        pipeline.proceed()
        policy.progress(at: .now)
        reach.confirmed(bytes)
    }

    /// The receiver has said how far a file got; it may have been failed meanwhile by an earlier answer.
    private func advance(_ exchange: Exchange, by change: (inout Transfer) -> Transfer.Step) {
        pipeline.proceed()
        guard let file = fileInParts(of: exchange) else { return }
        switch change(&file.transfer) {
        case .stuck:
            fail(
                file, reason: "the receiver goes on elsewhere in the file again and again",
                hint: "does another computer send under this Pi's name? The file waits for the next run")
        case .goesOn(let gained):
            guard gained > 0 else { return }
            policy.progress(at: .now)
            if exchange.request == .announce { reach.carriedMoreBefore(gained) } else { measure(exchange) }
            report(.reached(exchange.file.path, bytes: file.transfer.confirmed, size: exchange.file.size))
        }
    }

    private func measure(_ exchange: Exchange) {
        let now = Uptime.now
        reach.confirmed(exchange.bodySize)
        partSize.carried(exchange.bodySize, in: now - max(exchange.begun, lastPartAnswer))
        lastPartAnswer = now
    }

    /// Says so of the first file; the others that do not fit are counted.
    private func takeNoRoom(_ exchange: Exchange, reason: String, hint: String?) {
        let isFirst = room.lack == nil
        room.missed(exchange.request == .announce ? exchange.file.size : exchange.bodySize, reason: reason, at: .now)
        if isFirst {
            room.toldCount += 1
            return fail(exchange, reason: reason, hint: hint)
        }
        if exchange.request != .put {
            guard let file = fileInParts(of: exchange) else { return }
            inParts.removeAll { $0 === file }
        }
        room.leftCount += 1
    }

    /// One file must not hold up the others. Where several fare like that, whatever is sent now is most likely sent in vain.
    private func takeUnwritten(_ exchange: Exchange, reason: String, hint: String?) {
        var upload = exchange.upload
        if exchange.request != .put {
            // Of several parts under way the first counts; it begins anew when all of them are answered.
            guard let file = fileInParts(of: exchange) else { return }
            upload = file.transfer.upload
            inParts.removeAll { $0 === file }
        }
        upload.timesUnwritten += 1
        guard upload.timesUnwritten < settings.writesOfOneFile else {
            refused.add(upload.file.fingerprint, at: .now)
            return fail(upload.file.path, reason: reason, hint: hint)
        }
        guard pipeline.putBehind(upload) else { return }
        pipeline.slowDown()
        pause(nil, reason: "\(upload.file.path): \(reason)")
    }

    private func takeDamage(_ exchange: Exchange, isWhole: Bool, reason: String) {
        if !isWhole { return advance(exchange) { $0.lost() } }
        inParts.removeAll { $0.file == exchange.file }
        guard exchange.upload.isSecondTry || !queue.tryAgain(exchange.file) else { return }
        fail(
            exchange.file.path, reason: reason,
            hint: "it may be written to all the time, or the disk may be at fault; the file waits for the next run")
    }

    private func retryWithCorrectedTime(_ exchange: Exchange) {
        var canRetry = true
        if let file = fileInParts(of: exchange) {
            canRetry = file.transfer.retryWithCorrectedTime()
        } else if exchange.request == .put {
            canRetry = !exchange.upload.isTimeCorrected
            var upload = exchange.upload
            upload.isTimeCorrected = true
            if canRetry { pipeline.sendAgain(upload) }
        }
        guard !canRetry else { return }
        fail(
            exchange, reason: "the receiver does not accept this Pi's time, not even its own",
            hint: "it waits for the next run")
    }

    private func postpone(_ exchange: Exchange) {
        if exchange.request == .put { return pipeline.sendAgain(exchange.upload) }
        fileInParts(of: exchange)?.transfer.postponed()
    }

    private func pause(_ seconds: Int64?, reason: String) {
        let before = policy.pauseEnd
        switch policy.refused(forSeconds: seconds, at: .now) {
        case .retry(let pause):
            if policy.pauseEnd > before { report(.pausing(pause, reason: reason)) }
        case .giveUp(let pause):
            giveUp(reason, pause)
        }
    }
}
