import COpenSSL

// Runs inside the handshake, so that a refusal reaches the peer as a TLS alert: first OpenSSL's own chain check, then
// the policy of the configuration, because OpenSSL alone passes leaves without an extended key usage, of version 1, ….
func verifyPeer(store: OpaquePointer?, _: UnsafeMutableRawPointer?) -> Int32 {
    let connection = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx())
        .flatMap { TLSConnection.borrowing(ssl: OpaquePointer($0)) }
    let leaf = X509_STORE_CTX_get0_cert(store).map { Certificate(borrowing: $0) }
    if case .notBefore(let time) = connection?.context.configuration.verificationTime,
        let start = leaf?.notBefore, start > time
    {
        X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(store), Int(start))
    }
    guard X509_verify_cert(store) == 1 else {
        connection?.refusedCertificate = leaf
        // Never a success by mistake, whatever the library left in the error field.
        if X509_STORE_CTX_get_error(store) == X509_V_OK {
            X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED)
        }
        return 0
    }
    guard let connection, let chain = VerifiedChain(borrowing: X509_STORE_CTX_get0_chain(store)) else {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED)
        return 0
    }
    switch connection.context.configuration.peerPolicy(chain) {
    case .accept:
        return 1
    case .refuse(let reason):
        connection.policyRefusal = reason
        connection.refusedCertificate = leaf
        // This error goes out as bad_certificate, others as handshake_failure, which says nothing to the peer's owner.
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED)
        return 0
    }
}

extension VerifiedChain {
    /// `nil` if the stack is null or empty.
    init?(borrowing stack: OpaquePointer?) {
        let count = shim_sk_X509_num(stack)
        guard count > 0 else { return nil }
        certificates = (0..<count).compactMap { shim_sk_X509_value(stack, $0).map(Certificate.init(borrowing:)) }
        guard certificates.count == Int(count) else { return nil }
    }
}
