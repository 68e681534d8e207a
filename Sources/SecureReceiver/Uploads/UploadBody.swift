import Logging
import NIOCore
import UploadStore

/// Where the body of a request goes, on its connection's event loop. Let go before `finish`, it was cut off.
protocol UploadBody: AnyObject, Sendable {
    /// Bytes that are still to come.
    var remaining: Int64 { get }
    /// What a log says of it.
    var metadata: Logger.Metadata { get }

    /// After a refusal the body is to be let go.
    func write(_ bytes: UnsafeRawBufferPointer) throws(Refusal)

    /// All has come: calls `answer` with how it went, at once or later, on `eventLoop`.
    func finish(
        credentials: Credentials, on eventLoop: any EventLoop, then answer: @escaping @Sendable (Response) -> Void)
}
