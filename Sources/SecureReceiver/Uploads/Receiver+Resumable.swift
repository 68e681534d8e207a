import Files
import Glibc
import HTTPTypes
import Logging
import NIOCore
import UploadProtocol
import UploadStore

extension Receiver {
    typealias Start = Result<any UploadBody, Refusal>

    /// Waits for the turn at the file, and says on the event loop of `channel` whether its body may come. `end` is called if a
    /// newer request wants the turn.
    func begin(
        _ upload: AdmittedUpload, _ logger: Logger, room: Admitted, on channel: any Channel,
        endedBy end: @escaping @Sendable () -> Void,
        then started: @escaping @Sendable (Start) -> Void
    ) {
        turns.take(PartialKey(upload.file)) { turn in
            let start = Start { () throws(Refusal) in try begin(upload, logger, room: room, turn: turn) }
            turn.mayEnd(by: end)
            channel.eventLoop.execute { started(start) }
        }
    }

    /// The same for a part, whose upload is opened off the event loop.
    func begin(
        _ part: AdmittedPart, _ logger: Logger, room: Admitted, on channel: any Channel,
        endedBy end: @escaping @Sendable () -> Void,
        then started: @escaping @Sendable (Start) -> Void
    ) {
        turns.take(part.key) { turn in
            let waiting = WaitingTurn(turn)
            turn.mayEnd {
                waiting.giveUp()
                end()
            }
            commits.submit(for: part.key.pi, path: nil) { mayRead in
                // What came of it may have to be read: not for nobody.
                guard let turn = waiting.take(), channel.isActive else { return .done }
                let reading = Reading(of: part.offset, mayRead: mayRead) { channel.isActive && !waiting.isGivenUp }
                let start = Start { () throws(Refusal) in try open(part, logger, room, turn: turn, reading) }
                if reading.wasPutOff { return waiting.putBack(turn) ? .hasToRead : .done }
                turn.mayEnd(by: end)
                channel.eventLoop.execute { started(start) }
                return .done
            }
        }
    }

    private func open(
        _ part: AdmittedPart, _ logger: Logger, _ room: Admitted, turn: UploadTurn, _ reading: Reading
    ) throws(Refusal) -> any UploadBody {
        let status = try status(of: part.key)
        let left = status.file.size - status.offset
        guard part.offset == status.offset else {
            throw Refusal(
                .uploadOffsetMismatch, "The upload goes on at \(status.offset), not at \(part.offset).",
                fields: [.uploadOffset: "\(status.offset)", .uploadComplete: ResumableUpload.boolean(false)])
        }
        guard part.size <= left, !part.isLast || part.size == left else {
            throw Refusal(
                .malformedRequest,
                "\(left) bytes are to come; this part has \(part.size) and says Upload-Complete: "
                    + "\(ResumableUpload.boolean(part.isLast)).")
        }
        // What comes counts when it comes, the file when it is whole.
        let charge = try quota.charge(part.key.pi, files: part.isLast ? 1 : 0, size: part.size, now: now)
        do throws(StoreError) {
            if let partial = try store.partials.open(
                part.key, room: part.size, lease: turn, while: reading.mayGoOn)
            {
                return PartUpload(
                    part, partial, turn: turn, room: room, charge: charge, receiver: self, logger: logger)
            }
        } catch {
            if case .failed(let failure) = error, failure.code == ECANCELED { throw .noLongerAwaited }
            throw refusal(for: error, status.file)
        }
        throw Refusal.noSuchUpload
    }

    private func status(of key: PartialKey) throws(Refusal) -> PartialStatus {
        do throws(StoreError) {
            if let status = try store.partials.status(of: key) { return status }
        } catch {
            throw refusal(for: error, key)
        }
        guard completed.size(of: key) == nil else {
            throw Refusal(
                .uploadCompleted, "All of it came, and it was stored. Announcing the file again brings the receipt.")
        }
        throw Refusal.noSuchUpload
    }
}

extension Receiver {
    /// Answers a request about an upload in parts, on the event loop of `channel`, when no older one works at it any more.
    /// `isHalfClosed`: whether the client says nothing more.
    func answer(
        _ question: AdmittedQuestion, _ logger: Logger, credentials: Credentials, on channel: any Channel,
        isHalfClosed: @escaping @Sendable () -> Bool = { false },
        then answer: @escaping @Sendable (Response) -> Void
    ) {
        turns.take(question.key) { turn in
            let respond: @Sendable (Response) -> Void = { response in
                withExtendedLifetime(turn) { channel.eventLoop.execute { answer(response) } }
            }
            switch question {
            case .announce(let file, let context):
                commits.submit(for: file.pi, path: file.path) { mayRead in
                    // A stored file may have to be read: not for nobody.
                    guard channel.isActive else { return .done }
                    let reading = Reading(of: file.size, mayRead: mayRead) {
                        channel.isActive && (file.size <= Reading.mostForHalfClosed || !isHalfClosed())
                    }
                    let response = announce(file, context, credentials, logger, reading)
                    if reading.wasPutOff { return .hasToRead }
                    respond(response)
                    return .done
                }
            case .status(let key):
                commits.run(for: key.pi) { respond(state(of: key, logger)) }
            case .cancel(let key):
                commits.run(for: key.pi) { respond(cancel(key, logger)) }
            }
        }
    }

    private func announce(
        _ file: AnnouncedFile, _ context: ReceiptSignature.Context, _ credentials: Credentials, _ logger: Logger,
        _ reading: Reading
    ) -> Response {
        let began = ContinuousClock.now
        return response(about: file, logger) {
            let receipt = signer(AdmittedUpload(file: file, context: context), credentials)
            do {
                if let signed = try store.acknowledge(file, while: reading.mayGoOn, receipt: receipt) {
                    try? store.partials.remove(PartialKey(file))
                    return stored(signed, logger, since: began).with(offset: file.size, isComplete: true)
                }
            } catch StoreError.failed(let failure) where failure.code == ECANCELED {
                if !reading.wasPutOff {
                    refusals.log(
                        .notice, "nobody waits any more for the reading of a stored file", of: file.pi,
                        ["path": "\(file.path)", "size": .stringConvertible(file.size)], to: logger)
                }
                return Response(.noLongerAwaited, pi: file.pi)
            }
            try checkQuota(file, offset: store.partials.status(of: PartialKey(file))?.offset ?? 0)
            var response = response(201, try store.partials.create(file))
            response.fields[.location] = MessagePath.upload(file.id)
            return response
        }
    }

    /// Says early what a part would be told. What has come already was counted when it came.
    private func checkQuota(_ file: AnnouncedFile, offset: Int64) throws(Refusal) {
        _ = try quota.charge(file.pi, size: file.size - offset, now: now)
    }

    private func state(of key: PartialKey, _ logger: Logger) -> Response {
        var response: Response
        do throws(Refusal) { response = self.response(204, try status(of: key)) } catch {
            guard error.problem == .uploadCompleted, let size = completed.size(of: key) else {
                return self.response(to: error, key.pi, logger)
            }
            response = Response(status: 204, fields: [.uploadLength: "\(size)"]).with(offset: size, isComplete: true)
        }
        response.fields[.cacheControl] = "no-store"
        return response
    }

    private func cancel(_ key: PartialKey, _ logger: Logger) -> Response {
        do throws(Refusal) {
            _ = try status(of: key)
            do throws(StoreError) { try store.partials.remove(key) } catch { throw refusal(for: error, key) }
            return Response(status: 204)
        } catch {
            return response(to: error, key.pi, logger)
        }
    }

    private func response(_ status: Int, _ partial: PartialStatus) -> Response {
        var limits = ["\(ResumableUpload.maxAgeKey)=\(partial.lifetime)"]
        if let largestFile = admission.largestFile { limits.append("\(ResumableUpload.maxSizeKey)=\(largestFile)") }
        let fields: HTTPFields = [
            .uploadLength: "\(partial.file.size)", .uploadLimit: limits.joined(separator: ", "),
        ]
        return Response(status: status, fields: fields).with(offset: partial.offset, isComplete: false)
    }

    /// Keeps what came of a file whose `PUT` was cut off.
    func keep(
        _ incoming: IncomingUpload, of file: AnnouncedFile, turn: UploadTurn, room: Admitted, charge: DayQuota.Charge?
    ) {
        commits.run(for: file.pi) {
            do throws(StoreError) {
                let count = try store.partials.keep(incoming, of: file)
                charge?.settle(bytes: count)
            } catch {
                _ = refusal(for: error, file)  // logs it
            }
            withExtendedLifetime((turn, room)) {}
        }
    }

    /// Of a file that came whole, though it was announced: after whoever works at them, who is ended.
    func forgetParts(of file: AnnouncedFile) {
        let key = PartialKey(file)
        guard (try? store.partials.status(of: key)) != nil else { return }
        turns.take(key) { turn in
            commits.run(for: key.pi) {
                // What cannot be removed now expires.
                try? store.partials.remove(key)
                withExtendedLifetime(turn) {}
            }
        }
    }

    /// Gives up what has expired, for the first time an hour after the start: by then the clock is set, where anything sets it.
    func sweepHourly(on eventLoop: any EventLoop) -> RepeatedTask {
        eventLoop.scheduleRepeatedTask(initialDelay: .hours(1), delay: .hours(1)) { _ in
            commits.run(for: nil) {
                let removed = (try? store.partials.sweep()) ?? 0
                guard removed > 0 else { return }
                logger.notice("unfinished uploads given up", metadata: ["expired": "\(removed)"])
            }
        }
    }

    func refusal(for error: StoreError, _ key: PartialKey) -> Refusal {
        if let refusal = refusal(forPassing: error, of: key.pi, ["id": "\(key.id)"]) { return refusal }
        refusals.log(
            .error, "upload not found out about", of: key.pi, ["id": "\(key.id)", "error": "\(error)"], to: logger)
        return Refusal(.storageFailed, "The receiver could not read its notes; its log says why.")
    }
}
