import Files
import Glibc
import Logging
import NIOCore
import OpenSSL
import Synchronization
import UploadProtocol
import UploadStore

/// An upload whose body is on its way, or being made durable.
struct UploadUnderWay: Sendable {
    let upload: AdmittedUpload
    let incoming: IncomingUpload
    fileprivate let room: Admitted
    fileprivate let charge: DayQuota.Charge?
    fileprivate let began = ContinuousClock.now
    /// Knows where it comes from.
    fileprivate let logger: Logger
}

/// What all connections share: who may upload, where files go, and how they get there.
struct Receiver: Sendable {
    let admission: Admission
    let store: UploadStore
    let commits: CommitQueue
    let limit: UploadLimit
    let quota: DayQuota
    let tally: Tally
    let logger: Logger

    /// Seconds since 1970.
    var now: Int64 { Int64(time(nil)) }

    /// `logger`: the connection's.
    func begin(_ upload: AdmittedUpload, logger: Logger) throws(Refusal) -> UploadUnderWay {
        let charge = try quota.charge(upload.pi, size: upload.size, now: now)
        do throws(StoreError) {
            return UploadUnderWay(
                upload: upload, incoming: try store.begin(pi: upload.pi, path: upload.path, size: upload.size),
                room: limit.admit(upload.pi), charge: charge, logger: logger)
        } catch {
            throw refusal(for: error, upload)
        }
    }

    /// Makes a complete upload durable and visible, off the event loop, and says how it went on `eventLoop`.
    func commit(
        _ underWay: UploadUnderWay, credentials: Credentials, on eventLoop: any EventLoop,
        then answer: @escaping @Sendable (Response) -> Void
    ) {
        commits.submit(.init(pi: underWay.upload.pi, path: underWay.upload.path)) {
            let response = self.commitNow(underWay, credentials: credentials)
            withExtendedLifetime(underWay.room) {}
            eventLoop.execute { answer(response) }
        }
    }

    private func commitNow(_ underWay: UploadUnderWay, credentials: Credentials) -> Response {
        let upload = underWay.upload
        do {
            let signed = try store.commit(underWay.incoming, modified: upload.modified) { result in
                let now = self.now
                var context = upload.context
                context.status = result.status
                return try SignedReceipt(
                    signing: Receipt(
                        pi: upload.pi, path: upload.path, size: upload.size, digest: upload.digest, received: now,
                        result: result),
                    context: context, created: now, certificate: credentials.fingerprint, key: credentials.key)
            }
            if signed.receipt.result != .unchanged { underWay.charge?.keep() }
            tally.add(bytes: upload.size)
            underWay.logger.info(
                "file stored",
                metadata: [
                    "pi": "\(upload.pi)", "path": "\(upload.path)", "size": .stringConvertible(upload.size),
                    "sha256": "\(upload.digest)", "result": "\(signed.receipt.result.rawValue)",
                    "seconds": .stringConvertible(underWay.began.duration(to: .now).seconds),
                ])
            return Response(signed)
        } catch let error as StoreError {
            return Response(refusal(for: error, upload), pi: upload.pi)
        } catch {
            logger.error(
                "receipt not signed", metadata: ["pi": "\(upload.pi)", "path": "\(upload.path)", "error": "\(error)"])
            return Response(Refusal(.storageFailed, "The receiver could not sign the receipt."), pi: upload.pi)
        }
    }

    func refusal(for error: StoreError, _ upload: AdmittedUpload) -> Refusal {
        switch error {
        case .pathConflict:
            logger.notice(
                "path in use", metadata: ["pi": "\(upload.pi)", "path": "\(upload.path)", "reason": "\(error)"])
            return Refusal(.pathConflict, "\(upload.path) cannot be stored beside what is there.")
        case .failed(let failure) where failure.code == EMFILE || failure.code == ENFILE:
            logger.error("too many open files", metadata: ["pi": "\(upload.pi)", "path": "\(upload.path)"])
            return Refusal(.tooManyRequests, "\(Problem.tooManyRequests.title); try again soon.")
        case .insufficientSpace:
            logger.error(
                "not enough space",
                metadata: ["pi": "\(upload.pi)", "path": "\(upload.path)", "size": "\(upload.size)"])
            return Refusal(.insufficientStorage, "The receiver has no room for \(upload.size) bytes.")
        default:
            logger.error(
                "file not stored", metadata: ["pi": "\(upload.pi)", "path": "\(upload.path)", "error": "\(error)"])
            return Refusal(.storageFailed, "The receiver could not write the file; its log says why.")
        }
    }
}

extension Duration {
    /// To the microsecond.
    fileprivate var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds / 1_000_000_000_000) / 1_000_000
    }
}
