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
    let logger: Logger

    /// Seconds since 1970.
    var now: Int64 { Int64(time(nil)) }

    func begin(_ upload: AdmittedUpload) throws(Refusal) -> IncomingUpload {
        do throws(StoreError) {
            return try store.begin(pi: upload.pi, path: upload.path, size: upload.size)
        } catch {
            throw refusal(for: error, upload)
        }
    }

    /// Makes a complete upload durable and visible, off the event loop, and says how it went on `eventLoop`.
    func commit(
        _ incoming: IncomingUpload, of upload: AdmittedUpload, credentials: Credentials, on eventLoop: any EventLoop,
        then answer: @escaping @Sendable (Response) -> Void
    ) {
        commits.submit(.init(pi: upload.pi, path: upload.path)) {
            let response = self.commitNow(incoming, of: upload, credentials: credentials)
            eventLoop.execute { answer(response) }
        }
    }

    private func commitNow(_ incoming: IncomingUpload, of upload: AdmittedUpload, credentials: Credentials) -> Response
    {
        do {
            let signed = try store.commit(incoming, modified: upload.modified) { result in
                let now = self.now
                var context = upload.context
                context.status = result.status
                return try SignedReceipt(
                    signing: Receipt(
                        pi: upload.pi, path: upload.path, size: upload.size, digest: upload.digest, received: now,
                        result: result),
                    context: context, created: now, certificate: credentials.fingerprint, key: credentials.key)
            }
            logger.info(
                "file stored",
                metadata: [
                    "pi": "\(upload.pi)", "path": "\(upload.path)", "size": "\(upload.size)",
                    "sha256": "\(upload.digest)",
                    "result": "\(signed.receipt.result.rawValue)",
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
