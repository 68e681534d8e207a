import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// Why there is no connection to the receiver.
enum ConnectFailure: Error {
    /// One side turned the other down: trying again cannot help.
    case refused(CommandFailure)
    /// `mayPass`: whether nobody has turned us away; packets may have been lost.
    case unreachable(reason: String, hint: String?, mayPass: Bool)
}

extension SecureChannel {
    /// Connects, and returns when both sides have shown who they are. `tell`: is called about every second, with the time
    /// that a step takes by now.
    static func open(
        to receiver: ReceiverAddress, as identity: PiIdentity, certificateTime: VerificationTime,
        settings: SenderSettings, tell: (Duration) -> Void = { _ in }
    ) throws(ConnectFailure) -> SecureChannel {
        let socket: FileDescriptor
        do throws(Dialer.Failure) {
            socket = try Dialer.connect(to: receiver, timeLimit: settings.connectTimeLimit, tell: tell)
        } catch {
            throw .unreachable(reason: error.reason, hint: nil, mayPass: error.mayPass)
        }
        let channel: SecureChannel
        do throws(OpenSSLError) {
            let context = try TLSContext(.sender(identity, certificateTime: certificateTime))
            channel = try SecureChannel(
                socket, context: context, serverName: LeafProfile.receiverName,
                rateLimit: settings.rateLimit)
        } catch {
            throw .refused(.identityNotFound(reason: "the certificate cannot be used: \(error)"))
        }
        do throws(End) {
            try channel.handshake(timeLimit: settings.handshakeTimeLimit, tell: tell)
        } catch {
            throw failure(
                error, receiver: receiver, identity: identity, certificateTime: certificateTime, settings: settings)
        }
        return channel
    }

    private static func failure(
        _ end: End, receiver: ReceiverAddress, identity: PiIdentity, certificateTime: VerificationTime,
        settings: SenderSettings
    ) -> ConnectFailure {
        let hint = "is it secure-receiver that listens there?"
        switch end {
        case .refused(let error):
            if let failure = CommandFailure.authenticationFailed(
                error, receiver: receiver, identity: identity, certificateTime: certificateTime)
            {
                return .refused(failure)
            }
            return .unreachable(
                reason: "what listens there does not speak TLS 1.3 with us: \(error)", hint: hint, mayPass: false)
        case .closed, .cut:
            return .unreachable(reason: "the connection ended in the TLS handshake: \(end)", hint: hint, mayPass: true)
        case .timedOut:
            let seconds = settings.handshakeTimeLimit.components.seconds
            return .unreachable(
                reason: "what listens there did not answer within \(seconds) s", hint: hint, mayPass: true)
        }
    }
}

extension SecureChannel.End: CustomStringConvertible {
    var description: String {
        switch self {
        case .closed: "the receiver closed the connection"
        case .cut(let reason): reason
        case .refused(let error): "\(error)"
        case .timedOut: "no answer"
        }
    }
}

extension CommandFailure {
    /// `nil` for an error that has nothing to do with who is who.
    static func authenticationFailed(
        _ error: TLSError, receiver: ReceiverAddress, identity: PiIdentity, certificateTime: VerificationTime
    ) -> CommandFailure? {
        guard error.concernsIdentity else { return nil }
        switch error {
        case .peerRefused, .peerHasNoCertificate:
            let time =
                switch certificateTime {
                case .systemClock: "the time of the system clock"
                case .exactly(let time), .notBefore(let time): HTTPDate.format(time)
                }
            return .authenticationFailed(
                reason: "what answers at \(receiver.url) is not the receiver that this Pi trusts: \(error)",
                hint:
                    "is the address right, and is ca.pem the one of this receiver's lab? (certificates are judged at \(time))"
            )
        case .alertReceived, .protocolFailure:
            let end = identity.certificateChain[0].notAfter.map { " (it ends on \(HTTPDate.format($0)))" } ?? ""
            return .authenticationFailed(
                reason: "the receiver at \(receiver.url) refuses this Pi's certificate: \(error)",
                hint: "is it expired\(end), or of another lab? `provision new-pi` makes a new identity")
        }
    }
}
