import COpenSSL

/// What the connections of one side share: TLS 1.3 alone, certificates on both sides, no resumption, no early data.
package final class TLSContext: Sendable {
    package let configuration: TLSConfiguration
    private nonisolated(unsafe) let pointer: OpaquePointer  // SSL_CTX *

    /// Throws if the key does not belong to the certificate.
    package init(_ configuration: TLSConfiguration) throws(OpenSSLError) {
        self.configuration = configuration
        let method = configuration.role == .server ? TLS_server_method() : TLS_client_method()
        let context = try unwrap(SSL_CTX_new(method), "setting up TLS")
        self.pointer = context
        try check(shim_SSL_CTX_set_tls13_only(context), "choosing TLS 1.3")
        try check(SSL_CTX_set_ciphersuites(context, configuration.cipherSuites), "choosing cipher suites")
        try check(shim_SSL_CTX_set1_groups_list(context, shim_preferred_groups()), "choosing key exchange groups")
        shim_SSL_CTX_set_safe_options(context)
        // A resumed session was seen to be accepted with no client certificate at all: there are none.
        shim_SSL_CTX_disable_session_cache(context)
        try check(SSL_CTX_set_num_tickets(context, 0), "turning off session tickets")
        try check(SSL_CTX_set_max_early_data(context, 0), "turning off early data")
        try present(configuration, in: context)
        try trust(configuration, in: context)
        if configuration.role == .server {
            SSL_CTX_set_alpn_select_cb(context, selectHTTP1, nil)
        }
    }

    deinit {
        SSL_CTX_free(pointer)
    }

    func withPointer<Result, Failure: Error>(_ body: (OpaquePointer) throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        try body(pointer)
    }
}

extension TLSConfiguration {
    fileprivate var cipherSuites: String {
        let aes = ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"]
        let chacha = "TLS_CHACHA20_POLY1305_SHA256"
        return (prefersChaCha20 ? [chacha] + aes : [aes[0], chacha, aes[1]]).joined(separator: ":")
    }
}

private func present(_ configuration: TLSConfiguration, in context: OpaquePointer) throws(OpenSSLError) {
    guard let leaf = configuration.certificateChain.first else {
        throw OpenSSLError(operation: "presenting a certificate", reasons: ["there is none"])
    }
    try check(leaf.withPointer { SSL_CTX_use_certificate(context, $0) }, "using the certificate")
    for issuer in configuration.certificateChain.dropFirst() {
        try check(issuer.withPointer { shim_SSL_CTX_add1_chain_cert(context, $0) }, "using the certificate's chain")
    }
    try check(configuration.privateKey.withPointer { SSL_CTX_use_PrivateKey(context, $0) }, "using the private key")
    try check(SSL_CTX_check_private_key(context), "pairing certificate and private key")
}

private func trust(_ configuration: TLSConfiguration, in context: OpaquePointer) throws(OpenSSLError) {
    let store = try unwrap(SSL_CTX_get_cert_store(context), "trusting roots")
    for root in configuration.trustRoots {
        try check(root.withPointer { X509_STORE_add_cert(store, $0) }, "trusting a root")
    }
    let parameters = SSL_CTX_get0_param(context)
    try check(X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_X509_STRICT)), "verifying strictly")
    switch configuration.verificationTime {
    case .systemClock: break
    case .exactly(let time), .notBefore(let time): X509_VERIFY_PARAM_set_time(parameters, Int(time))
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    SSL_CTX_set_cert_verify_callback(context, verifyPeer, nil)
}

// The answer must point at memory that outlives the call.
private nonisolated(unsafe) let http1Protocol: UnsafePointer<UInt8> = {
    let name = UnsafeMutablePointer<UInt8>.allocate(capacity: 8)
    name.update(from: Array("http/1.1".utf8), count: 8)
    return UnsafePointer(name)
}()

// A client that offers protocols but not ours goes on without (RFC 7301 would let us refuse it; HTTP/1.1 is the default).
private func selectHTTP1(
    _: OpaquePointer?, selected: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    selectedCount: UnsafeMutablePointer<UInt8>?,
    offered: UnsafePointer<UInt8>?, offeredCount: UInt32, _: UnsafeMutableRawPointer?
) -> Int32 {
    var rest = UnsafeBufferPointer(start: offered, count: Int(offeredCount))[...]
    while let length = rest.popFirst(), rest.count >= Int(length) {
        if rest.prefix(Int(length)).elementsEqual(UnsafeBufferPointer(start: http1Protocol, count: 8)) {
            selected?.pointee = http1Protocol
            selectedCount?.pointee = 8
            return SSL_TLSEXT_ERR_OK
        }
        rest = rest.dropFirst(Int(length))
    }
    return SSL_TLSEXT_ERR_NOACK
}
