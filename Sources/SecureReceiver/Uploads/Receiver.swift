import Files
import Glibc
import Logging
import NIOCore
import OpenSSL
import Synchronization
import UploadProtocol
import UploadStore

/// What all connections share: who may upload, where files go, and how they get there.
struct Receiver: Sendable {
    let admission: Admission
    let store: UploadStore
    let commits: CommitQueue
    let limit: UploadLimit
    let quota: DayQuota
    /// Bytes above which a `PUT` that is cut off can be gone on with in parts.
    let resumableAbove: Int64
    let tally: Tally
    let logger: Logger
    let turns = UploadTurns()
    let completed = CompletedUploads()
    let refusals = RefusalLog()

    /// Seconds since 1970.
    var now: Int64 { Int64(time(nil)) }

    /// Whether `begin` may have to wait, for an older request with the same file.
    func takesTurns(_ upload: AdmittedUpload) -> Bool { upload.size > resumableAbove }

    /// `logger`: the connection's, which knows where it comes from.
    func begin(
        _ upload: AdmittedUpload, _ logger: Logger, room: Admitted, turn: UploadTurn? = nil
    ) throws(Refusal) -> WholeUpload {
        let kept = turn == nil ? 0 : (try? store.partials.status(of: PartialKey(upload.file))?.offset) ?? 0
        // What was kept of it was counted when it came.
        let charge = try quota.charge(upload.pi, size: upload.size - kept, now: now)
        do throws(StoreError) {
            // What was kept of the file is for who has the turn.
            let incoming =
                turn == nil
                ? try store.begin(pi: upload.pi, path: upload.path, size: upload.size) : try store.begin(upload.file)
            return WholeUpload(
                upload, incoming, turn: turn, room: room, charge: charge, receiver: self, logger: logger)
        } catch {
            throw refusal(for: error, upload.file)
        }
    }

    /// Signs the receipt of an upload when it is known what became of it.
    func signer(
        _ upload: AdmittedUpload, _ credentials: Credentials
    ) -> @Sendable (Receipt.Result) throws -> SignedReceipt {
        { [self] result in
            let (file, now) = (upload.file, now)
            var context = upload.context
            context.status = result.status
            return try SignedReceipt(
                signing: Receipt(
                    pi: file.pi, path: file.path, size: file.size, digest: file.digest, received: now, result: result),
                context: context, created: now, certificate: credentials.fingerprint, key: credentials.key)
        }
    }

    /// `began`: when its request came.
    func stored(_ signed: SignedReceipt, _ logger: Logger, since began: ContinuousClock.Instant) -> Response {
        let receipt = signed.receipt
        tally.add(bytes: receipt.size)
        logger.info(
            "file stored",
            metadata: [
                "pi": "\(receipt.pi)", "path": "\(receipt.path)", "size": .stringConvertible(receipt.size),
                "sha256": "\(receipt.sha256)", "result": "\(receipt.result.rawValue)",
                "seconds": .stringConvertible(began.duration(to: .now).seconds),
            ])
        return Response(signed)
    }

    /// What `work` with the store comes to, off the event loop.
    func response(about file: AnnouncedFile, _ logger: Logger, _ work: () throws -> Response) -> Response {
        do { return try work() } catch let error as StoreError {
            return response(to: refusal(for: error, file), file.pi, logger)
        } catch let refusal as Refusal {
            return response(to: refusal, file.pi, logger)
        } catch {
            logger.error(
                "receipt not signed", metadata: ["pi": "\(file.pi)", "path": "\(file.path)", "error": "\(error)"])
            return Response(Refusal(.storageFailed, "The receiver could not sign the receipt."), pi: file.pi)
        }
    }

    func response(to refusal: Refusal, _ pi: PiName, _ logger: Logger) -> Response {
        log(refusal, pi, logger)
        return Response(refusal, pi: pi)
    }

    func log(_ refusal: Refusal, _ pi: PiName?, _ logger: Logger) {
        refusals.log(
            .notice, "request refused", of: pi,
            ["code": "\(refusal.problem.code)", "detail": "\(refusal.detail)"], to: logger)
    }

    func refusal(for error: StoreError, _ upload: AnnouncedFile) -> Refusal {
        if let refusal = refusal(forPassing: error, of: upload.pi, ["path": "\(upload.path)"]) { return refusal }
        func log(_ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata = [:]) {
            refusals.log(
                level, message, of: upload.pi, metadata.merging(["path": "\(upload.path)"]) { $1 }, to: logger)
        }
        switch error {
        case .pathConflict:
            log(.notice, "path in use", ["reason": "\(error)"])
            return Refusal(.pathConflict, "\(upload.path) cannot be stored beside what is there.")
        case .failed(let failure) where failure.code == ECANCELED:
            log(.notice, "reading of a stored file given up", ["size": "\(upload.size)"])
            return .noLongerAwaited
        case .insufficientSpace:
            log(.error, "not enough space", ["size": "\(upload.size)"])
            return Refusal(.insufficientStorage, "The receiver has no room for \(upload.size) bytes.")
        default:
            log(.error, "file not stored", ["error": "\(error)"])
            return Refusal(.storageFailed, "The receiver could not write the file; its log says why.")
        }
    }

    /// What will be over soon, whatever met it; `nil` for all else.
    func refusal(forPassing error: StoreError, of pi: PiName, _ subject: Logger.Metadata) -> Refusal? {
        guard case .failed(let failure) = error, failure.code == EMFILE || failure.code == ENFILE else { return nil }
        refusals.log(.error, "too many open files", of: pi, subject, to: logger)
        return Refusal(.tooManyRequests, "\(Problem.tooManyRequests.title); try again soon.")
    }
}

extension Duration {
    /// To the microsecond.
    fileprivate var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds / 1_000_000_000_000) / 1_000_000
    }
}
