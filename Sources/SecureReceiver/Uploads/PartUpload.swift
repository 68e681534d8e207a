import HTTPTypes
import Logging
import NIOCore
import Synchronization
import UploadProtocol
import UploadStore

/// The body of a `PATCH`: the next part of a file.
final class PartUpload: UploadBody {
    private let part: AdmittedPart
    private let partial: PartialUpload
    private let turn: UploadTurn
    private let receiver: Receiver
    private let logger: Logger
    private let began = ContinuousClock.now
    private let room: Admitted
    private let charge: DayQuota.Charge?
    private let progress = Mutex(Progress())

    private struct Progress {
        var isFinished = false
        var unsaved: Int64 = 0
        var isSaving = false
    }

    /// Bytes after which what has come is made durable: no crash costs the sender more, and the last sync has little to do.
    private static let mostUnsaved: Int64 = 4 << 20

    init(
        _ part: AdmittedPart, _ partial: PartialUpload, turn: UploadTurn, room: Admitted,
        charge: DayQuota.Charge?, receiver: Receiver, logger: Logger
    ) {
        self.part = part
        self.partial = partial
        self.turn = turn
        self.receiver = receiver
        self.charge = charge
        self.logger = logger
        self.room = room
    }

    deinit {
        guard !progress.withLock({ $0.isFinished }) else { return }
        receiver.commits.run(for: partial.file.pi) { [partial, receiver, charge, room] in
            // Before somebody else can have the turn, and with it what was held back here.
            do throws(StoreError) {
                let offset = try partial.end()
                charge?.settle(bytes: offset - partial.start)
            } catch {
                _ = receiver.refusal(for: error, partial.file)  // logs it
            }
            withExtendedLifetime(room) {}
        }
    }

    var remaining: Int64 { part.offset + part.size - partial.received }

    var metadata: Logger.Metadata {
        [
            "pi": "\(partial.file.pi)", "path": "\(partial.file.path)", "received": "\(partial.received)",
            "size": "\(partial.file.size)",
        ]
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(Refusal) {
        do throws(StoreError) { try partial.write(bytes) } catch { throw receiver.refusal(for: error, partial.file) }
        let isDue = progress.withLock { progress in
            progress.unsaved += Int64(bytes.count)
            guard progress.unsaved >= Self.mostUnsaved, !progress.isSaving else { return false }
            progress.unsaved = 0
            progress.isSaving = true
            return true
        }
        guard isDue else { return }
        receiver.commits.run(for: partial.file.pi) { [self] in
            // What fails here fails again at the end.
            _ = try? partial.save()
            progress.withLock { $0.isSaving = false }
        }
    }

    func finish(
        credentials: Credentials, on eventLoop: any EventLoop, then answer: @escaping @Sendable (Response) -> Void
    ) {
        progress.withLock { $0.isFinished = true }
        turn.goesOn()
        receiver.commits.run(for: partial.file.pi) { [self] in
            if let response = responseBeforeCommit() { return eventLoop.execute { answer(response) } }
            receiver.commits.submit(.init(partial.file)) { [self] in
                let response = commit(credentials)
                eventLoop.execute { answer(response) }
            }
        }
    }
}

extension PartUpload {
    /// `nil` if the file is whole and may be stored.
    private func responseBeforeCommit() -> Response? {
        let file = partial.file
        do throws(StoreError) {
            guard partial.finishPart() == part.digest else {
                return receiver.response(to: .bodyMismatch, file.pi, logger).with(
                    offset: try partial.goBack(), isComplete: false)
            }
            guard part.isLast else {
                let offset = try partial.save()
                charge?.keep()
                return Response(status: 204).with(offset: offset, isComplete: false)
            }
            if partial.finish() == file.digest { return nil }
            try partial.discard()
            return receiver.response(to: .wholeMismatch, file.pi, logger).with(isComplete: true)
        } catch {
            return receiver.response(to: receiver.refusal(for: error, file), file.pi, logger)
        }
    }

    private func commit(_ credentials: Credentials) -> Response {
        let signer = receiver.signer(AdmittedUpload(file: partial.file, context: part.context), credentials)
        let response = receiver.response(about: partial.file, logger) {
            let signed = try receiver.store.commit(partial, receipt: signer)
            if signed.receipt.result == .unchanged { charge?.settle(bytes: 0) } else { charge?.keep() }
            return receiver.stored(signed, logger, since: began)
        }
        // What came is kept, to be tried again.
        charge?.settle(bytes: part.size)
        guard response.isSuccess else { return response }
        receiver.completed.add(part.key, size: partial.file.size)
        return response.with(offset: partial.file.size, isComplete: true)
    }
}
