import HTTPTypes
import Logging
import UploadProtocol
import UploadStore

extension Receiver {
    /// For a Pi that sends nothing, and wants to know whether it could.
    func status(for pi: PiName) throws(Refusal) -> Response {
        let available: Int64
        do throws(StoreError) { available = try store.availableSpace(for: pi) } catch {
            logger.error("free space not found out", metadata: ["pi": "\(pi)", "error": "\(error)"])
            throw Refusal(.storageFailed, "The receiver could not find out how much room there is; its log says why.")
        }
        let largest = min(admission.largestFile ?? .max, quota.mostBytes)
        let status = ReceiverStatus(available: available, largest: largest == .max ? nil : largest, time: now)
        return Response(
            status: 200, fields: [.contentType: ReceiverStatus.contentType, .cacheControl: "no-store"],
            body: Array(status.json.utf8))
    }
}
