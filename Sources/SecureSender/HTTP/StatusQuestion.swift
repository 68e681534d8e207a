import OpenSSL
import UploadProtocol

/// Asks the receiver how things stand, over a connection of its own: a request that proves all that an upload proves, and
/// changes nothing.
struct StatusQuestion {
    enum Failure: Error, Hashable {
        case ended(SecureChannel.End)
        case unreadable(ResponseDoubt)
    }

    private let channel: SecureChannel
    private let authority: String
    private let identity: PiIdentity
    private var parser = ResponseParser()

    init(over channel: SecureChannel, to receiver: ReceiverAddress, as identity: PiIdentity) {
        self.channel = channel
        authority = receiver.authority
        self.identity = identity
    }

    /// `created`: seconds since 1970.
    mutating func ask(created: Int64, timeLimit: Duration) throws(Failure) -> Response {
        let head = UploadRequest.status.signed(
            authority: authority, pi: identity.name, secret: identity.secret, created: created)
        do throws(TLSError) { try channel.send(head) } catch { throw .ended(.refused(error)) }
        let deadline = Uptime.now + timeLimit
        while Uptime.now < deadline {
            let activity = channel.exchange(waiting: deadline - .now, hasMore: false)
            parser.append(activity.received)
            do throws(ResponseDoubt) {
                if let response = try parser.next() { return response }
            } catch {
                throw .unreadable(error)
            }
            if let end = activity.end { throw .ended(end) }
        }
        throw .ended(.timedOut)
    }
}
