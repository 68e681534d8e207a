import HTTPTypes
import MessageSignatures
import OpenSSL
import UploadProtocol

/// A request whose certificate, signature and time are all in order. Only an `Authenticator` makes one.
struct VerifiedRequest: Sendable {
    let head: RequestHead
    let pi: PiName
    /// Of the body that the Pi signed.
    let digest: SHA256Digest

    fileprivate init(head: RequestHead, pi: PiName, digest: SHA256Digest) {
        self.head = head
        self.pi = pi
        self.digest = digest
    }
}

/// Decides whether a request comes from the Pi that its connection's certificate names.
struct Authenticator: Sendable {
    let identifiers: WatchedFiles<IdentifierList>
    /// Seconds by which a signature may be older or younger than now.
    let tolerance: Int64

    // Stands in for the secret of a name that `ids.txt` lacks, so that such a name takes the same time as a wrong secret.
    private static let stranger = SecureBytes(copyOf: Array("0000000000000000".utf8))

    /// `pi`: whom the connection's certificate names. `now`: seconds since 1970.
    func verify(_ head: RequestHead, from pi: PiName, now: Int64) throws(Refusal) -> VerifiedRequest {
        let signature = try RequestSignature(head.fields)
        let digest = try Self.contentDigest(head.fields)
        guard signature.keyID == pi.text else {
            throw Refusal(.identityMismatch, "The certificate names \(pi), the signature's keyid another.")
        }
        try checkCoverage(of: signature.parameters, fields: head.fields)
        try checkCode(of: signature, head: head, pi: pi)
        try checkTime(of: signature, now: now)
        guard let digest else { throw Refusal(.authenticationFailed, "The signature must cover content-digest.") }
        return VerifiedRequest(head: head, pi: pi, digest: digest)
    }

    private static func contentDigest(_ fields: HTTPFields) throws(Refusal) -> SHA256Digest? {
        guard let value = fields[.contentDigest] else { return nil }
        guard let digest = ContentDigestField.sha256(value) else {
            throw Refusal(.malformedRequest, "Content-Digest has no sha-256 of 32 bytes.")
        }
        return digest
    }

    private func checkCoverage(of parameters: SignatureParameters, fields: HTTPFields) throws(Refusal) {
        for component in UploadSignature.components where !parameters.components.contains(component) {
            throw Refusal(.authenticationFailed, "The signature must cover \(component.name).")
        }
        for field in fields {
            let name = field.name.canonicalName
            guard UploadSignature.mustCover(name), !parameters.components.contains(CoveredComponent(name)) else {
                continue
            }
            throw Refusal(.authenticationFailed, "The signature must cover \(name), because the request has it.")
        }
    }

    private func checkCode(of signature: RequestSignature, head: RequestHead, pi: PiName) throws(Refusal) {
        let base: SignatureBase
        do throws(SignatureBaseError) {
            base = try SignatureBase(signature.parameters) { head.value(of: $0) }
        } catch {
            throw Refusal(
                .authenticationFailed, "The signature covers a component that the request lacks or names twice.")
        }
        let message = base.bytes
        let secrets = identifiers.current.secrets(for: pi).map(\.key)
        // All are tried, whichever fits: the time does not tell which.
        let isValid = (secrets.isEmpty ? [Self.stranger] : secrets).reduce(false) { found, key in
            HMACSHA256.isValid(signature.bytes, for: message, key: key) || found
        }
        guard isValid, !secrets.isEmpty else {
            throw Refusal(.authenticationFailed, "The signature is not valid, or this receiver does not know \(pi).")
        }
    }

    private func checkTime(of signature: RequestSignature, now: Int64) throws(Refusal) {
        let (difference, overflow) = now.subtractingReportingOverflow(signature.created)
        guard !overflow, (-tolerance...tolerance).contains(difference) else {
            throw Refusal(
                .clockSkew, "The signature's time is more than \(tolerance) s away from the receiver's clock.")
        }
        if let expires = signature.expires, expires < now {
            throw Refusal(.clockSkew, "The signature has expired.")
        }
    }
}

extension RequestHead {
    /// All values of a field, in their order (RFC 9421, section 2.1); `nil` for a name that is not in lower case: one field
    /// would otherwise have several.
    private func field(_ name: String) -> String? {
        guard let name = HTTPField.Name(name), name.canonicalName == name.rawName, fields.contains(name) else {
            return nil
        }
        return fields[values: name].joined(separator: ", ")
    }

    /// RFC 9421, section 2; `nil` for what the request lacks and for derived components that we do not know.
    fileprivate func value(of component: CoveredComponent) -> String? {
        switch component {
        case .method: method
        case .authority: authority
        case .path: path
        default: field(component.name)
        }
    }
}
