import COpenSSL

extension VerifiedChain {
    /// The chain of `leaf` up to one of `roots`, as a handshake would judge it: OpenSSL's strict check for `purpose` at `time`
    /// (seconds since 1970). Throws with OpenSSL's words for what is wrong.
    package init(
        verifying leaf: Certificate, roots: [Certificate], purpose: Certificate.Purpose, at time: Int64
    ) throws(OpenSSLError) {
        let operation = "verifying the certificate"
        let store = try unwrap(X509_STORE_new(), operation)
        defer { X509_STORE_free(store) }
        for root in roots {
            try check(root.withPointer { X509_STORE_add_cert(store, $0) }, "trusting a root")
        }
        let context = try unwrap(X509_STORE_CTX_new(), operation)
        defer { X509_STORE_CTX_free(context) }
        try check(leaf.withPointer { X509_STORE_CTX_init(context, store, $0, nil) }, operation)
        // The names under which a handshake finds its defaults, the purpose among them.
        try check(
            X509_STORE_CTX_set_default(context, purpose == .serverAuthentication ? "ssl_server" : "ssl_client"),
            operation)
        X509_STORE_CTX_set_flags(context, UInt(X509_V_FLAG_X509_STRICT))
        X509_STORE_CTX_set_time(context, 0, Int(time))
        guard X509_verify_cert(context) == 1 else {
            ERR_clear_error()
            let words = X509_verify_cert_error_string(Int(X509_STORE_CTX_get_error(context)))
            throw OpenSSLError(operation: operation, reasons: [words.map { String(cString: $0) } ?? "it is not valid"])
        }
        guard let chain = VerifiedChain(borrowing: X509_STORE_CTX_get0_chain(context)) else {
            throw OpenSSLError(operation: operation, reasons: ["it has no chain"])
        }
        self = chain
    }
}
