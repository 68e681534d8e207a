import COpenSSL

/// Why a TLS connection cannot go on.
package enum TLSError: Error, Hashable, Sendable {
    /// We refuse the peer's certificate.
    case peerRefused(reason: String)
    /// The peer presented no certificate.
    case peerHasNoCertificate
    /// The peer refuses, with an alert (RFC 8446, section 6), in OpenSSL's words.
    case alertReceived(String, code: Int32)
    case protocolFailure(OpenSSLError)
}

extension TLSError {
    /// Reads and empties this thread's error queue, right after the call that failed.
    init(operation: String, verifyResult: Int, policyRefusal: String?) {
        let code = ERR_peek_error()
        let reason = Int32(ERR_GET_REASON(code))
        let error = OpenSSLError.fromQueue(operation)
        if let policyRefusal {
            self = .peerRefused(reason: policyRefusal)
        } else if reason == SSL_R_CERTIFICATE_VERIFY_FAILED {
            self = .peerRefused(reason: String(cString: X509_verify_cert_error_string(verifyResult)))
        } else if reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE {
            self = .peerHasNoCertificate
        } else if ERR_GET_LIB(code) == ERR_LIB_SSL, reason >= SSL_AD_REASON_OFFSET {
            self = .alertReceived(error.reasons.last ?? "alert", code: reason - SSL_AD_REASON_OFFSET)
        } else {
            self = .protocolFailure(error)
        }
    }

    /// Whether one side turned the other's certificate down: not a fault of the network.
    package var concernsIdentity: Bool {
        switch self {
        case .peerRefused, .peerHasNoCertificate: true
        // bad_certificate … certificate_unknown, unknown_ca, access_denied, certificate_required.
        case .alertReceived(_, let code): (42...46).contains(code) || [48, 49, 116].contains(code)
        case .protocolFailure: false
        }
    }
}

extension TLSError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .peerRefused(let reason): reason
        case .peerHasNoCertificate: "the other side presented no certificate"
        case .alertReceived(let words, _): "the other side refused: \(words)"
        case .protocolFailure(let error): error.description
        }
    }
}
