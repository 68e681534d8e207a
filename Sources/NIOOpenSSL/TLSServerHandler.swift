package import NIOCore
package import OpenSSL

/// Fired down the pipeline when both sides have accepted each other's certificates.
package struct TLSHandshakeCompleted: Sendable {
    package let peer: VerifiedChain
}

/// The server's side of TLS on a channel: ciphertext on the network's side, plaintext on the other.
///
/// The channel needs `ChannelOptions.allowRemoteHalfClosure`: a connection is closed in one direction first, so that an
/// alert or a last answer is not lost with a peer's unread data.
package final class TLSServerHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private enum State {
        case handshaking(TLSConnection, deadline: Scheduled<Void>)
        case open(TLSConnection)
        /// Nothing more is said; what still comes in is thrown away until the peer or the deadline closes.
        case lingering
    }

    package struct Limits: Sendable {
        /// For the whole handshake. The default is 10 s.
        package var handshake: TimeAmount = .seconds(10)
        /// How long a refused peer may take to read its alert. The default is 1 s.
        package var linger: TimeAmount = .seconds(1)

        package init() {}
    }

    /// What was decrypted so far and handed on.
    package private(set) var plaintextByteCount = 0

    private let tls: TLSContext
    private let limits: Limits
    private var state = State.lingering
    private var unencrypted: ByteBuffer?
    private var unencryptedPromises: [EventLoopPromise<Void>] = []
    private var saidThatInputClosed = false

    // One read's worth: more holds the buffers of many connections back, less costs system calls.
    private static let plaintextCapacity = 64 * 1024

    package init(context: TLSContext, limits: Limits = .init()) {
        self.tls = context
        self.limits = limits
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        do {
            let connection = try TLSConnection(context: tls)
            let deadline = context.eventLoop.assumeIsolated().scheduleTask(in: limits.handshake) {
                self.fail(HandshakeTimeout(), context: context)
            }
            state = .handshaking(connection, deadline: deadline)
        } catch {
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        endHandshake()
        state = .lingering
        failUnencrypted(ChannelError.ioOnClosedChannel)
    }

    // MARK: Inbound

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var ciphertext = unwrapInboundIn(data)
        do throws(TLSError) {
            switch state {
            case .lingering:
                return
            case .handshaking(let connection, _):
                connection.receive(&ciphertext)
                guard try connection.handshake() == .complete else {
                    return sendCiphertext(of: connection, context: context, promise: nil)
                }
                endHandshake()
                state = .open(connection)
                sendCiphertext(of: connection, context: context, promise: nil)
                guard let peer = connection.peerChain else { throw .peerHasNoCertificate }
                context.fireUserInboundEventTriggered(TLSHandshakeCompleted(peer: peer))
                // A handler above may have closed the channel over this.
                guard case .open = state else { return }
                try deliverPlaintext(of: connection, context: context)
            case .open(let connection):
                connection.receive(&ciphertext)
                try deliverPlaintext(of: connection, context: context)
            }
        } catch {
            fail(error, context: context)
        }
    }

    /// Decrypts all that is there. Nothing may stay inside of OpenSSL: no read event would ever come for it.
    private func deliverPlaintext(of connection: TLSConnection, context: ChannelHandlerContext) throws(TLSError) {
        var isDone = false
        while !isDone {
            var plaintext = context.channel.allocator.buffer(capacity: Self.plaintextCapacity)
            isDone = try fill(&plaintext, from: connection, context: context)
            if plaintext.readableBytes > 0 {
                deliver(plaintext, context: context)
            }
            // A handler above may have closed the channel over what it was just given.
            guard case .open = state else { return }
        }
        // What OpenSSL itself has to say, such as the answer to a key update.
        if connection.pendingCiphertextCount > 0 {
            sendCiphertext(of: connection, context: context, promise: nil)
        }
    }

    /// Returns whether there is nothing more to decrypt for now.
    private func fill(
        _ plaintext: inout ByteBuffer, from connection: TLSConnection, context: ChannelHandlerContext
    ) throws(TLSError) -> Bool {
        while plaintext.writableBytes >= TLSConnection.mostPlaintextOfRecord {
            var result: Result<TLSConnection.Read, TLSError> = .success(.needsMoreInput)
            plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: 0) { buffer in
                do throws(TLSError) {
                    let read = try connection.read(into: buffer)
                    result = .success(read)
                    if case .bytes(let count) = read { return count }
                } catch {
                    result = .failure(error)
                }
                return 0
            }
            switch try result.get() {
            case .bytes: continue
            case .needsMoreInput: return true
            case .closed:
                if plaintext.readableBytes > 0 {
                    deliver(plaintext, context: context)
                    plaintext.clear()
                }
                inputClosed(context: context)
                return true
            }
        }
        return false
    }

    private func deliver(_ plaintext: ByteBuffer, context: ChannelHandlerContext) {
        plaintextByteCount += plaintext.readableBytes
        context.fireChannelRead(wrapInboundOut(plaintext))
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent {
            switch state {
            case .open: inputClosed(context: context)
            case .handshaking, .lingering: context.close(promise: nil)
            }
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    private func inputClosed(context: ChannelHandlerContext) {
        guard !saidThatInputClosed else { return }
        saidThatInputClosed = true
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    // MARK: Outbound

    /// Collects until the flush: a few large records cost less than many small ones.
    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .open = state else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        var plaintext = unwrapOutboundIn(data)
        if unencrypted == nil { unencrypted = plaintext } else { unencrypted?.writeBuffer(&plaintext) }
        if let promise { unencryptedPromises.append(promise) }
    }

    package func flush(context: ChannelHandlerContext) {
        guard case .open(let connection) = state, let plaintext = unencrypted else {
            context.flush()
            return
        }
        unencrypted = nil
        let promises = unencryptedPromises
        unencryptedPromises = []
        do throws(TLSError) {
            try connection.write(plaintext)
        } catch {
            for promise in promises { promise.fail(error) }
            return fail(error, context: context)
        }
        let sent = promises.isEmpty ? nil : context.eventLoop.makePromise(of: Void.self)
        for promise in promises { sent?.futureResult.cascade(to: promise) }
        sendCiphertext(of: connection, context: context, promise: sent)
    }

    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input, case .open(let connection) = state {
            flush(context: context)
            connection.closeOutput()
            state = .lingering
            sendCiphertext(of: connection, context: context, promise: nil)
        }
        context.close(mode: mode, promise: promise)
    }

    private func sendCiphertext(
        of connection: TLSConnection, context: ChannelHandlerContext, promise: EventLoopPromise<Void>?
    ) {
        let count = connection.pendingCiphertextCount
        guard count > 0 else {
            promise?.succeed()
            return
        }
        var ciphertext = context.channel.allocator.buffer(capacity: count)
        ciphertext.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { connection.takeCiphertext(into: $0) }
        context.writeAndFlush(wrapOutboundOut(ciphertext), promise: promise)
    }

    // MARK: Failure

    /// Sends the alert that OpenSSL left, closes our direction, and gives the peer a moment to read it: a close with
    /// unread data would reset the connection and take the alert along.
    private func fail(_ error: any Error, context: ChannelHandlerContext) {
        let connection: TLSConnection
        switch state {
        case .handshaking(let unfinished, _): connection = unfinished
        case .open(let opened): connection = opened
        case .lingering: return
        }
        endHandshake()
        state = .lingering
        failUnencrypted(error)
        sendCiphertext(of: connection, context: context, promise: nil)
        context.fireErrorCaught(error)
        context.close(mode: .output, promise: nil)
        context.eventLoop.assumeIsolated().scheduleTask(in: limits.linger) { context.close(promise: nil) }
    }

    private func endHandshake() {
        if case .handshaking(_, let deadline) = state { deadline.cancel() }
    }

    private func failUnencrypted(_ error: any Error) {
        unencrypted = nil
        let promises = unencryptedPromises
        unencryptedPromises = []
        for promise in promises { promise.fail(error) }
    }
}

/// The peer did not finish its handshake in time.
package struct HandshakeTimeout: Error, CustomStringConvertible {
    package var description: String { "the TLS handshake took too long" }
}
