import Files
import Glibc
import Logging
import NIOCore
import Synchronization
import UploadProtocol
import UploadStore

/// The body of a `PUT`: a whole file.
final class WholeUpload: UploadBody {
    private let upload: AdmittedUpload
    private let incoming: IncomingUpload
    private let receiver: Receiver
    private let logger: Logger
    private let began = ContinuousClock.now
    private let room: Admitted
    private let charge: DayQuota.Charge?
    /// Of a file that is large enough to be gone on with.
    private let turn: UploadTurn?
    /// Whether what has come of it is worth keeping if no more comes.
    private let isToBeKept = Atomic(true)

    init(
        _ upload: AdmittedUpload, _ incoming: IncomingUpload, turn: UploadTurn?, room: Admitted,
        charge: DayQuota.Charge?, receiver: Receiver, logger: Logger
    ) {
        self.upload = upload
        self.incoming = incoming
        self.receiver = receiver
        self.turn = turn
        self.charge = charge
        self.logger = logger
        self.room = room
    }

    deinit {
        guard let turn, isToBeKept.load(ordering: .relaxed), incoming.received > 0 else { return }
        receiver.keep(incoming, of: upload.file, turn: turn, room: room, charge: charge)
    }

    var remaining: Int64 { upload.size - incoming.received }

    var metadata: Logger.Metadata {
        [
            "pi": "\(upload.pi)", "path": "\(upload.path)", "received": "\(incoming.received)",
            "size": "\(upload.size)",
        ]
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(Refusal) {
        do throws(StoreError) { try incoming.write(bytes) } catch {
            // A disk that is full is not to stay full of it.
            isToBeKept.store(false, ordering: .relaxed)
            throw receiver.refusal(for: error, upload.file)
        }
    }

    func finish(
        credentials: Credentials, on eventLoop: any EventLoop, then answer: @escaping @Sendable (Response) -> Void
    ) {
        isToBeKept.store(false, ordering: .relaxed)
        turn?.goesOn()
        guard incoming.finish() == upload.file.digest else {
            return answer(receiver.response(to: .bodyMismatch, upload.pi, logger))
        }
        receiver.commits.submit(.init(upload.file)) { [self] in
            let response = receiver.response(about: upload.file, logger) {
                let signed = try commit(credentials)
                if signed.receipt.result != .unchanged { charge?.keep() }
                // Of an earlier attempt.
                if turn == nil {
                    receiver.forgetParts(of: upload.file)
                } else {
                    try? receiver.store.partials.remove(PartialKey(upload.file))
                }
                return receiver.stored(signed, logger, since: began)
            }
            eventLoop.execute { answer(response) }
        }
    }

    private func commit(_ credentials: Credentials) throws -> SignedReceipt {
        do {
            return try receiver.store.commit(
                incoming, modified: upload.file.modified, receipt: receiver.signer(upload, credentials))
        } catch StoreError.failed(let failure) where failure.code == ECANCELED {
            // All of it came, and the receiver stops.
            if let turn { receiver.keep(incoming, of: upload.file, turn: turn, room: room, charge: charge) }
            throw StoreError.failed(failure)
        }
    }
}
