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
    /// Connects, and returns when both sides have shown who they are, or fails as soon as `stop` is wanted. `tell`: is called
    /// about every second, with the time that a step takes by now.
    static func open(
        to receiver: ReceiverAddress, as identity: PiIdentity, certificateTime: VerificationTime,
        settings: SenderSettings, stop: StopSignal = StopSignal(), tell: (Duration) -> Void = { _ in }
    ) throws(ConnectFailure) -> SecureChannel {
        let socket: FileDescriptor
        do throws(Dialer.Failure) {
            socket = try Dialer.connect(to: receiver, timeLimit: settings.connectTimeLimit, stop: stop, tell: tell)
        } catch {
            throw .unreachable(reason: error.reason, hint: error.hint, mayPass: error.mayPass)
        }
        return try open(
            over: socket, to: receiver, as: identity, certificateTime: certificateTime, settings: settings, stop: stop,
            tell: tell)
    }

    /// The same over a connection that is there.
    static func open(
        over socket: FileDescriptor, to receiver: ReceiverAddress, as identity: PiIdentity,
        certificateTime: VerificationTime, settings: SenderSettings, stop: StopSignal = StopSignal(),
        tell: (Duration) -> Void = { _ in }
    ) throws(ConnectFailure) -> SecureChannel {
        let channel: SecureChannel
        do throws(OpenSSLError) {
            let context = try TLSContext(.sender(identity, certificateTime: certificateTime))
            channel = try SecureChannel(
                socket, context: context, serverName: LeafProfile.receiverName, rateLimit: settings.rateLimit,
                stop: stop)
        } catch {
            throw .refused(.identityNotFound(reason: "the certificate cannot be used: \(error)"))
        }
        do throws(End) {
            try channel.handshake(timeLimit: settings.handshakeTimeLimit, tell: tell)
        } catch .refused(let error) {
            let failure = CommandFailure.authenticationFailed(
                error, receiver: receiver, identity: identity, certificateTime: certificateTime,
                shown: channel.refusedCertificate)
            throw failure.map { .refused($0) } ?? channel.notTheReceiver("\(error)", mayPass: false)
        } catch .timedOut {
            let seconds = settings.handshakeTimeLimit.components.seconds
            throw channel.notTheReceiver("no answer within \(seconds) s", mayPass: true)
        } catch {
            throw channel.notTheReceiver("\(error)", mayPass: true)
        }
        return channel
    }

    /// The handshake ended for a reason that has nothing to do with who is who.
    private func notTheReceiver(_ reason: String, mayPass: Bool) -> ConnectFailure {
        let hint = "is it secure-receiver that listens there? Another port is chosen with --port"
        if let service = Stranger.service(firstBytes) {
            return .unreachable(reason: "what listens there is \(service)", hint: hint, mayPass: false)
        }
        return .unreachable(
            reason: "what listens there does not speak TLS 1.3 with us: \(reason)", hint: hint, mayPass: mayPass)
    }
}

extension SecureChannel.End: CustomStringConvertible {
    var description: String {
        switch self {
        case .closed: "the receiver closed the connection"
        case .cut(let reason): reason
        case .refused(let error): "\(error)"
        case .timedOut: "no answer"
        case .stopped: "it was given up to end"
        }
    }
}

extension CommandFailure {
    /// `nil` for an error that has nothing to do with who is who. `shown`: the certificate that we refused.
    static func authenticationFailed(
        _ error: TLSError, receiver: ReceiverAddress, identity: PiIdentity, certificateTime: VerificationTime,
        shown: Certificate? = nil
    ) -> CommandFailure? {
        guard error.concernsIdentity else { return nil }
        switch error {
        case .peerRefused, .peerHasNoCertificate:
            let time =
                switch certificateTime {
                case .systemClock: "the time of the system clock"
                case .exactly(let time), .notBefore(let time): HTTPDate.format(time)
                }
            let stranger = shown.map { Stranger.Certificate($0) }
            let words = stranger.map { "; \($0.words)" } ?? ""
            return .authenticationFailed(
                reason: "what answers at \(receiver.url) is not the receiver that this Pi trusts: \(error)\(words)",
                hint: "\((stranger ?? .receiver).wayOut) (certificates are judged at \(time))")
        case .alertReceived, .protocolFailure:
            let end = identity.certificateChain[0].notAfter.map { " (it ends on \(HTTPDate.format($0)))" } ?? ""
            return .authenticationFailed(
                reason: "the receiver at \(receiver.url) refuses this Pi's certificate: \(error)",
                hint: "is it expired\(end), or of another lab? `provision new-pi` makes a new identity")
        }
    }
}
