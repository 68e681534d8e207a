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
            throw channel.silent(for: settings.handshakeTimeLimit.components.seconds)
        } catch {
            throw channel.notTheReceiver("\(error)", mayPass: true)
        }
        return channel
    }

    /// A receiver that is stopped or has too much to do still has its connections taken, by the kernel.
    private func silent(for seconds: Int64) -> ConnectFailure {
        guard firstBytes.isEmpty else { return notTheReceiver("no answer within \(seconds) s", mayPass: true) }
        return .unreachable(
            reason: "the connection was taken, and nothing was said for \(seconds) s",
            hint:
                "the receiver has too much to do or hangs (on the server: systemctl restart secure-receiver), or it is something else that listens there (--port)",
            mayPass: true)
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
            let judged = "certificates are judged at \(identity.words(for: certificateTime))"
            let stranger = shown.map { Stranger.Certificate($0) }
            if stranger == .receiver, let end = shown?.notAfter, let time = certificateTime.seconds, end <= time,
                identity.trustRoots.contains(where: { shown?.isSigned(by: $0) == true })
            {
                return .authenticationFailed(
                    reason: "the certificate of the receiver at \(receiver.url) ended on \(HTTPDate.format(end))",
                    hint: "on the server: provision renew --server (\(judged))")
            }
            let words = stranger.map { "; \($0.words)" } ?? ""
            return .authenticationFailed(
                reason: "what answers at \(receiver.url) is not the receiver that this Pi trusts: \(error)\(words)",
                hint: "\((stranger ?? .receiver).wayOut) (\(judged))")
        case .alertReceived(_, let code):
            let end = identity.certificateChain[0].notAfter.map { HTTPDate.format($0) } ?? "an unknown day"
            let reason = "the receiver at \(receiver.url) refuses this Pi's certificate: \(error)"
            // certificate_expired (RFC 8446, section 6.2).
            guard code == 45 else {
                return .authenticationFailed(
                    reason: reason,
                    hint:
                        "is it of another lab, or the receiver's clock wrong (it ends on \(end))? Copy secret.py, pi.pem and ca.pem again from where that lab's `provision` runs"
                )
            }
            return .authenticationFailed(
                reason: "\(reason); it ends on \(end), and that has passed by the receiver's clock",
                hint: identity.renewal)
        case .protocolFailure: return nil
        }
    }
}

extension PiIdentity {
    /// What to do when the own certificate has ended.
    var renewal: String { "on the server: provision renew \(name); then bring the new files to this Pi" }

    /// The time that certificates are judged at, and where it comes from.
    func words(for time: VerificationTime) -> String {
        switch time {
        case .systemClock: "the time of the system clock"
        case .exactly(let time): "\(HTTPDate.format(time)), by this Pi's clock; if that is wrong, set it"
        case .notBefore(let time):
            // A run takes no days.
            time - made < 86_400
                ? "\(HTTPDate.format(time)), when this identity was made, as nothing has set this Pi's clock"
                : "\(HTTPDate.format(time)), from \(LastReceiptTime.fileName) in the folder of sent files, as nothing has "
                    + "set this Pi's clock; if that date is wrong, remove that file"
        }
    }
}

extension VerificationTime {
    /// Since 1970; `nil` if it is the system's.
    fileprivate var seconds: Int64? {
        switch self {
        case .systemClock: nil
        case .exactly(let time), .notBefore(let time): time
        }
    }
}
