import COpenSSL

/// One TLS connection without a socket: ciphertext goes in and comes out as bytes, whoever carries them.
///
/// It belongs to one thread. OpenSSL's error queue belongs to the thread too, hence to all connections of an event
/// loop: each call empties it first and asks for its own error right after.
package final class TLSConnection {
    package let context: TLSContext
    private let ssl: OpaquePointer  // SSL *, owns both BIOs
    private let incoming: OpaquePointer  // BIO *
    private let outgoing: OpaquePointer  // BIO *
    var policyRefusal: String?
    /// What the peer showed and we refused: nothing of it is to be believed.
    package internal(set) var refusedCertificate: Certificate?

    /// `serverName`: the SNI that a client sends.
    package init(context: TLSContext, serverName: String? = nil) throws(OpenSSLError) {
        self.context = context
        ssl = try unwrap(context.withPointer { SSL_new($0) }, "setting up a TLS connection")
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            preconditionFailure("out of memory")
        }
        self.incoming = incoming
        self.outgoing = outgoing
        shim_BIO_set_empty_is_retry(incoming)
        shim_BIO_set_empty_is_retry(outgoing)
        SSL_set_bio(ssl, incoming, outgoing)
        SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
        switch context.configuration.role {
        case .server: SSL_set_accept_state(ssl)
        case .client: SSL_set_connect_state(ssl)
        }
        if let serverName {
            try check(shim_SSL_set_tlsext_host_name(ssl, serverName), "naming the server \(serverName)")
        }
    }

    deinit {
        SSL_free(ssl)
    }

    static func borrowing(ssl: OpaquePointer) -> TLSConnection? {
        SSL_get_ex_data(ssl, 0).map { Unmanaged<TLSConnection>.fromOpaque($0).takeUnretainedValue() }
    }

    package enum Handshake: Sendable { case complete, needsMoreInput }

    package func handshake() throws(TLSError) -> Handshake {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 { return .complete }
        guard SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ else { throw failure("the TLS handshake") }
        return .needsMoreInput
    }

    package enum Read: Hashable, Sendable {
        case bytes(Int)
        case needsMoreInput
        /// The peer said that it sends no more (close_notify).
        case closed
    }

    /// Decrypts at most one record, hence at most 16 KiB. To be called until it needs more input: ciphertext that stays
    /// inside would wait for the next packet.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> Read {
        ERR_clear_error()
        let result = SSL_read(ssl, buffer.baseAddress, Int32(clamping: buffer.count))
        if result > 0 { return .bytes(Int(result)) }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .needsMoreInput
        case SSL_ERROR_ZERO_RETURN: return .closed
        default: throw failure("reading")
        }
    }

    /// Encrypts all of `plaintext`, after the handshake; the ciphertext waits to be taken.
    package func write(_ plaintext: UnsafeRawBufferPointer) throws(TLSError) {
        var rest = plaintext[...]
        while !rest.isEmpty {
            ERR_clear_error()
            let piece = UnsafeRawBufferPointer(rebasing: rest)
            let result = SSL_write(ssl, piece.baseAddress, Int32(clamping: piece.count))
            guard result > 0 else { throw failure("writing") }
            rest = rest.dropFirst(Int(result))
        }
    }

    /// Says that nothing more will be sent (close_notify).
    package func closeOutput() {
        ERR_clear_error()
        // OpenSSL refuses to say it before the end of a handshake; then there is nothing to say.
        if SSL_is_init_finished(ssl) == 1 { SSL_shutdown(ssl) }
        ERR_clear_error()
    }

    /// Takes over what came from the network.
    package func receive(_ ciphertext: UnsafeRawBufferPointer) {
        let count = BIO_write(incoming, ciphertext.baseAddress, Int32(clamping: ciphertext.count))
        precondition(ciphertext.isEmpty || Int(count) == ciphertext.count, "a memory BIO takes what memory holds")
    }

    /// Bytes that wait to be sent to the network.
    package var pendingCiphertextCount: Int { shim_BIO_pending(outgoing) }

    /// Moves ciphertext for the network into `buffer`; returns how much.
    package func takeCiphertext(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        max(0, Int(BIO_read(outgoing, buffer.baseAddress, Int32(clamping: buffer.count))))
    }

    /// The peer's certificates once the handshake is complete.
    package var peerChain: VerifiedChain? { VerifiedChain(borrowing: SSL_get0_verified_chain(ssl)) }

    /// As IANA names it, such as TLS_AES_256_GCM_SHA384; empty before the handshake.
    package var cipherSuite: String {
        SSL_get_current_cipher(ssl).map { String(cString: SSL_CIPHER_get_name($0)) } ?? ""
    }

    private func failure(_ operation: String) -> TLSError {
        TLSError(operation: operation, verifyResult: SSL_get_verify_result(ssl), policyRefusal: policyRefusal)
    }
}
