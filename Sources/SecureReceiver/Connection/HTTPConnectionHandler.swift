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

    enum Inbound {
        case awaitingHead
        case receiving(Reception)
        /// The body of a refused request, read and thrown away so that the connection can go on.
        case discarding
        /// Nothing more is read: the last answer of this connection is in the queue or out.
        case finished
    }

    struct Reception {
        let slot: ResponseQueue.Slot
        let underWay: UploadUnderWay
        /// The client sends nothing behind this request.
        let closesConnection: Bool
    }

    let receiver: Receiver
    let credentials: Credentials
    let mostInFlight: Int
    let logger: Logger
    var pi: PiName?
    var inbound = Inbound.awaitingHead
    var queue = ResponseQueue()
    var holdsReadBack = false
    var isDraining = false
    /// Its Pi has too many of them.
    var isSurplus = false
    var inputIsClosed = false
    var isClosing = false
    var isOutputClosed = false
    var lastWritten: EventLoopFuture<Void>?
    var hasUnflushedOutput = false

    /// A refused body up to this size is thrown away; for a longer one the connection is given up instead.
    static let largestDiscardedBody: Int64 = 64 * 1024
    static let lingerTime = TimeAmount.seconds(2)

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
            guard !isSurplus else {
                throw Refusal(.tooManyRequests, "\(pi) has as many connections open as this receiver takes of a Pi.")
            }
            let head = try RequestHead(raw)
            switch try receiver.admission.decide(head, from: pi, now: receiver.now) {
            case .answer(var response):
                response.omitsBody = raw.method == .HEAD
                response.closesConnection = head.closesConnection
                refuseOrAnswer(response, of: raw, context: context)
            case .upload(let upload):
                context.triggerUserOutboundEvent(SignatureShown(), promise: nil)
                let underWay = try receiver.begin(upload, logger: logger)
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
        case is TooManyConnections:
            isSurplus = true
        case is MakeWay:
            // What waits for the disk is silent but will be answered.
            if queue.isEmpty || isReceiving && !holdsReadBack { context.close(promise: nil) }
        case let fault as ClientPace.Fault:
            giveUp(over: fault, context: context)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // Dropping the reception gives its temporary file back.
        inbound = .finished
        context.fireChannelInactive()
    }

    var isFinished: Bool {
        if case .finished = inbound { true } else { false }
    }

    var isReceiving: Bool {
        if case .receiving = inbound { true } else { false }
    }
}
