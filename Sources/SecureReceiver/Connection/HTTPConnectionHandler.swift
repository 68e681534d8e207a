import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import NIOOpenSSL
import OpenSSL
import UploadProtocol
import UploadStore

/// Fired into every connection when the receiver is told to stop.
struct DrainConnection: Sendable {}

/// One connection: reads requests one after the other, lets their uploads end side by side, and answers in order.
///
/// It is the last handler of its channel, so that a read that it holds back is a read that nobody makes.
final class HTTPConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = HTTPServerResponsePart

    private enum Inbound {
        case awaitingHead
        case receiving(Reception)
        /// The body of a refused request, read and thrown away so that the connection can go on.
        case discarding
        /// Nothing more is read: the last answer of this connection is in the queue or out.
        case finished
    }

    private struct Reception {
        let slot: ResponseQueue.Slot
        let underWay: UploadUnderWay
        /// The client sends nothing behind this request.
        let closesConnection: Bool
    }

    private let receiver: Receiver
    private let credentials: Credentials
    private let mostInFlight: Int
    private let logger: Logger
    private var pi: PiName?
    private var inbound = Inbound.awaitingHead
    private var queue = ResponseQueue()
    private var holdsReadBack = false
    private var isDraining = false
    private var inputIsClosed = false
    private var isClosing = false
    private var lastWritten: EventLoopFuture<Void>?
    private var hasUnflushedOutput = false

    /// A refused body up to this size is thrown away; for a longer one the connection is given up instead.
    private static let largestDiscardedBody: Int64 = 64 * 1024
    private static let lingerTime = TimeAmount.seconds(2)

    init(receiver: Receiver, credentials: Credentials, mostInFlight: Int, logger: Logger) {
        self.receiver = receiver
        self.credentials = credentials
        self.mostInFlight = mostInFlight
        self.logger = logger
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), inbound) {
        case (.head(let head), .awaitingHead):
            receive(head, context: context)
        case (.body(let bytes), .receiving(let reception)):
            receive(bytes, of: reception, context: context)
        case (.end, .receiving(let reception)):
            inbound = .awaitingHead
            finish(reception, context: context)
        case (.end, .discarding):
            inbound = .awaitingHead
            closeIfDone(context: context)
        default:
            break
        }
    }

    private func receive(_ raw: HTTPRequestHead, context: ChannelHandlerContext) {
        do throws(Refusal) {
            guard let pi else { throw Refusal(.authenticationFailed, "The connection has no client certificate.") }
            guard !isDraining else { throw Refusal(.draining, "The receiver is shutting down; try again soon.") }
            let head = try RequestHead(raw)
            switch try receiver.admission.decide(head, from: pi, now: receiver.now) {
            case .answer(var response):
                response.omitsBody = raw.method == .HEAD
                response.closesConnection = head.closesConnection
                refuseOrAnswer(response, of: raw, context: context)
            case .upload(let upload):
                let underWay = try receiver.begin(upload)
                let slot = queue.append(wantsGoAhead: head.expectsContinue)
                inbound = .receiving(
                    Reception(slot: slot, underWay: underWay, closesConnection: head.closesConnection))
                writeReadyResponses(context: context)
            }
        } catch {
            refuse(error, raw, context: context)
        }
    }

    private func receive(_ bytes: ByteBuffer, of reception: Reception, context: ChannelHandlerContext) {
        let (upload, incoming) = (reception.underWay.upload, reception.underWay.incoming)
        do throws(StoreError) {
            let result = bytes.withUnsafeReadableBytes { bytes in
                Result { () throws(StoreError) in try incoming.write(bytes) }
            }
            try result.get()
        } catch {
            let remaining = upload.size - incoming.received - Int64(bytes.readableBytes)
            var response = Response(receiver.refusal(for: error, upload), pi: upload.pi)
            response.closesConnection = reception.closesConnection || remaining > Self.largestDiscardedBody
            inbound = response.closesConnection ? .finished : .discarding
            complete(reception.slot, response, context: context)
        }
    }

    private func finish(_ reception: Reception, context: ChannelHandlerContext) {
        let upload = reception.underWay.upload
        let closes = reception.closesConnection
        if closes { inbound = .finished }
        guard reception.underWay.incoming.finish() == upload.digest else {
            let refusal = Refusal(.digestMismatch, "The body's SHA-256 is not the one in Content-Digest.")
            log(refusal, pi: upload.pi)
            var response = Response(refusal, pi: upload.pi)
            response.closesConnection = closes
            return complete(reception.slot, response, context: context)
        }
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        receiver.commit(reception.underWay, credentials: credentials, on: context.eventLoop) { response in
            var response = response
            response.closesConnection = closes
            bound.value.handler.complete(reception.slot, response, context: bound.value.context)
            bound.value.handler.flushOutput(context: bound.value.context)
        }
    }

    // MARK: Refusals

    private func refuse(_ refusal: Refusal, _ raw: HTTPRequestHead, context: ChannelHandlerContext) {
        log(refusal, pi: pi)
        var response = pi.map { Response(refusal, pi: $0) } ?? Response(status: refusal.problem.status)
        response.omitsBody = raw.method == .HEAD
        // After a malformed head nobody knows where the next one begins; and a client that waits for 100 may or may not
        // send its body after another answer (RFC 9110, section 10.1.1).
        response.closesConnection =
            refusal.problem == .malformedRequest || refusal.problem == .draining || !raw.isKeepAlive
            || raw.headers.contains(name: "expect")
        refuseOrAnswer(response, of: raw, context: context)
    }

    /// For an answer that does not wait for the body.
    private func refuseOrAnswer(_ response: Response, of raw: HTTPRequestHead, context: ChannelHandlerContext) {
        var response = response
        let length = raw.headers.first(name: "content-length").flatMap { Int64($0) } ?? 0
        if length > Self.largestDiscardedBody || raw.headers.contains(name: "transfer-encoding") {
            response.closesConnection = true
        }
        inbound = response.closesConnection ? .finished : .discarding
        complete(queue.append(), response, context: context)
    }

    private func log(_ refusal: Refusal, pi: PiName?) {
        logger.notice(
            "request refused",
            metadata: ["pi": "\(pi?.text ?? "-")", "code": "\(refusal.problem.code)", "detail": "\(refusal.detail)"])
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.invalidEOFState:
            // A cut connection, not a malformed request.
            if case .receiving(let reception) = inbound {
                let (upload, incoming) = (reception.underWay.upload, reception.underWay.incoming)
                logger.notice(
                    "upload cut off",
                    metadata: [
                        "pi": "\(upload.pi)", "path": "\(upload.path)", "received": "\(incoming.received)",
                        "size": "\(upload.size)",
                    ])
                queue.removeLast()
            }
            inbound = .finished
        case is HTTPParserError, is NIOHTTPDecoderError:
            refuseUnreadable(error, context: context)
        case let error as TLSError:
            logger.notice("connection refused", metadata: ["reason": "\(error)"])
        default:
            logger.debug("connection broken", metadata: ["reason": "\(error)"])
            context.close(promise: nil)
        }
    }

    private func refuseUnreadable(_ error: any Error, context: ChannelHandlerContext) {
        let slot: ResponseQueue.Slot
        switch inbound {
        case .finished: return
        case .receiving(let reception): slot = reception.slot
        case .awaitingHead, .discarding: slot = queue.append()
        }
        inbound = .finished
        let refusal =
            (error as? HTTPParserError) == .headerOverflow
            ? Refusal(.headerTooLarge, "The request's header is larger than this receiver reads.")
            : Refusal(.malformedRequest, "The request is not HTTP/1.1 that can be read in one way only.")
        log(refusal, pi: pi)
        var response = pi.map { Response(refusal, pi: $0) } ?? Response(status: refusal.problem.status)
        response.closesConnection = true
        complete(slot, response, context: context)
        flushOutput(context: context)
    }

    // MARK: Answers

    private func complete(_ slot: ResponseQueue.Slot, _ response: Response, context: ChannelHandlerContext) {
        queue.complete(slot, with: response)
        writeReadyResponses(context: context)
    }

    private func writeReadyResponses(context: ChannelHandlerContext) {
        while let output = queue.next() {
            hasUnflushedOutput = true
            switch output {
            case .goAhead:
                write(.head(HTTPResponseHead(version: .http1_1, status: .continue)), context: context)
            case .response(let response):
                lastWritten = write(response, context: context)
                if response.closesConnection { return closeLingering(context: context) }
            }
        }
        closeIfDone(context: context)
        readOnIfPossible(context: context)
    }

    /// Returns when it is out.
    private func write(_ response: Response, context: ChannelHandlerContext) -> EventLoopFuture<Void> {
        let written = context.eventLoop.makePromise(of: Void.self)
        let parts = response.http1Parts(date: receiver.now)
        for part in parts.dropLast() { write(part, context: context) }
        context.write(wrapOutboundOut(parts[parts.count - 1]), promise: written)
        return written.futureResult
    }

    private func write(_ part: HTTPServerResponsePart, context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(part), promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flushOutput(context: context)
        context.fireChannelReadComplete()
    }

    private func flushOutput(context: ChannelHandlerContext) {
        guard hasUnflushedOutput else { return }
        hasUnflushedOutput = false
        context.flush()
    }

    // MARK: Reading no faster than the work gets done

    func read(context: ChannelHandlerContext) {
        guard isBusy(context) else { return context.read() }
        holdsReadBack = true
        guard isWithoutRoom else { return }
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        receiver.limit.whenThereIsRoom { [eventLoop = context.eventLoop] in
            eventLoop.execute { bound.value.handler.readOnIfPossible(context: bound.value.context) }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        readOnIfPossible(context: context)
        context.fireChannelWritabilityChanged()
    }

    private func readOnIfPossible(context: ChannelHandlerContext) {
        guard holdsReadBack else { return }
        holdsReadBack = false
        read(context: context)
    }

    /// A client that does not read its answers is not read either.
    private func isBusy(_ context: ChannelHandlerContext) -> Bool {
        queue.count >= mostInFlight || !context.channel.isWritable || isWithoutRoom
    }

    /// A handshake goes on all the same, and so does an upload that is half here: it is the ones under way that make room.
    private var isWithoutRoom: Bool { pi != nil && !isReceiving && receiver.limit.isReached }

    // MARK: The connection's beginning and end

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let handshake as TLSHandshakeCompleted:
            pi = try? LeafProfile.piName(of: handshake.peer)
        case ChannelEvent.inputClosed:
            inputIsClosed = true
            if isReceiving { queue.removeLast() }
            inbound = .finished
            closeIfDone(context: context)
        case is DrainConnection:
            isDraining = true
            closeIfDone(context: context)
        case is IdleStateHandler.IdleStateEvent:
            // While an upload waits for the disk the connection is silent but not idle.
            if queue.isEmpty || isReceiving { context.close(promise: nil) }
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // Dropping the reception gives its temporary file back.
        inbound = .finished
        context.fireChannelInactive()
    }

    private var isReceiving: Bool {
        if case .receiving = inbound { true } else { false }
    }

    private func closeIfDone(context: ChannelHandlerContext) {
        guard queue.isEmpty, inputIsClosed || isDraining else { return }
        if case .discarding = inbound { return }  // Closing now could reset the connection under the answer.
        closeLingering(context: context)
    }

    /// Closes our direction first: a full close with unread data would reset the connection, and the peer might lose the
    /// last answer.
    private func closeLingering(context: ChannelHandlerContext) {
        guard !isClosing else { return }
        isClosing = true
        inbound = .finished
        hasUnflushedOutput = false
        context.flush()
        // Not before the last answer is out, however slowly the peer takes it.
        let lastWritten = lastWritten ?? context.eventLoop.makeSucceededVoidFuture()
        lastWritten.assumeIsolated().whenComplete { _ in
            context.close(mode: .output, promise: nil)
            context.eventLoop.assumeIsolated().scheduleTask(in: self.inputIsClosed ? .zero : Self.lingerTime) {
                context.close(promise: nil)
            }
        }
    }
}
