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
        /// Requests have come for which there is no room; they are held, and nothing is read meanwhile.
        case awaitingRoom
        /// The request waits for its turn at an upload; nothing is read meanwhile, and what was read is held.
        case preparing(Preparation)
        case receiving(Reception)
        /// The body of a refused request, read and thrown away so that the connection can go on.
        case discarding
        /// Nothing more is read: the last answer of this connection is in the queue or out.
        case finished
    }

    struct Preparation {
        let slot: ResponseQueue.Slot
        let head: RequestHead
    }

    struct Reception {
        let slot: ResponseQueue.Slot
        let body: any UploadBody
        /// The client sends nothing behind this request.
        let closesConnection: Bool
    }

    let receiver: Receiver
    let credentials: Credentials
    let mostInFlight: Int
    private let sightings: IdentitySightings
    /// Where the connection comes from.
    private let address: String
    let logger: Logger
    var pi: PiName?
    var inbound = Inbound.awaitingHead
    /// What came while a request was being prepared, or had no room.
    var held: [Held] = []
    var waitsForRoom = false
    var queue = ResponseQueue()
    var holdsReadBack = false
    var isDraining = false
    /// Its Pi has too many of them.
    var isSurplus = false
    var inputIsClosed = false
    /// As soon as it is known, for those who work for this connection.
    private let isHalfClosed = SharedFlag()
    var isClosing = false
    var isOutputClosed = false
    var lastWritten: EventLoopFuture<Void>?
    var hasUnflushedOutput = false

    /// A refused body up to this size is thrown away; for a longer one the connection is given up instead.
    static let largestDiscardedBody: Int64 = 64 * 1024
    static let lingerTime = TimeAmount.seconds(2)

    init(
        receiver: Receiver, credentials: Credentials, mostInFlight: Int, sightings: IdentitySightings, address: String,
        logger: Logger
    ) {
        self.receiver = receiver
        self.credentials = credentials
        self.mostInFlight = mostInFlight
        self.sightings = sightings
        self.address = address
        self.logger = logger
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        receive(unwrapInboundIn(data), context: context)
    }

    func receive(_ part: HTTPServerRequestPart, context: ChannelHandlerContext) {
        switch (part, inbound) {
        case (_, .preparing), (_, .awaitingRoom):
            held.append(.part(part))
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
            // One read may bring many small requests. What needs no room has it for a moment.
            guard let room = receiver.limit.admit(pi) else {
                inbound = .awaitingRoom
                held.append(.part(.head(raw)))
                return awaitRoom(context: context)
            }
            let head = try RequestHead(raw)
            let decision = try receiver.admission.decide(head, from: pi, now: receiver.now)
            if decision.isSigned { context.triggerUserOutboundEvent(SignatureShown(), promise: nil) }
            switch decision {
            case .answer(let response):
                answer(response, to: head, raw, context: context)
            case .status(let pi):
                answer(try receiver.status(for: pi), to: head, raw, context: context)
            case .upload(let upload) where receiver.takesTurns(upload):
                prepare(head, context: context) {
                    receiver.begin(upload, logger, room: room, on: $0, endedBy: $1, then: $2)
                }
            case .upload(let upload):
                let body = try receiver.begin(upload, logger, room: room)
                receive(body, head, queue.append(wantsGoAhead: head.expectsContinue), context: context)
            case .part(let part):
                prepare(head, context: context) {
                    receiver.begin(
                        part, logger, room: room, on: $0, endedBy: $1, then: watching(part.key, then: $2))
                }
            case .question(let question):
                inbound = head.closesConnection ? .finished : .discarding
                receiver.answer(
                    question, logger, credentials: credentials, on: context.channel,
                    isHalfClosed: { [isHalfClosed] in isHalfClosed.isSet },
                    then: answer(
                        in: queue.append(), closesConnection: head.closesConnection, omitsBody: raw.method == .HEAD,
                        context: context))
            }
        } catch {
            refuse(error, raw, context: context)
        }
    }

    /// Tells the sightings of the Pi whether a part goes on where the one before ended.
    private func watching(
        _ upload: PartialKey, then started: @escaping @Sendable (Receiver.Start) -> Void
    ) -> @Sendable (Receiver.Start) -> Void {
        { [sightings, address] start in
            switch start {
            case .success: sightings.partCame(of: upload, from: address)
            case .failure(let refusal) where refusal.problem == .uploadOffsetMismatch:
                sightings.offsetJumped(of: upload, from: address)
            case .failure: break
            }
            started(start)
        }
    }

    /// To a request without a body.
    private func answer(
        _ response: Response, to head: RequestHead, _ raw: HTTPRequestHead, context: ChannelHandlerContext
    ) {
        var response = response
        response.omitsBody = raw.method == .HEAD
        response.closesConnection = head.closesConnection
        refuseOrAnswer(response, of: raw, context: context)
    }

    func receive(
        _ body: any UploadBody, _ head: RequestHead, _ slot: ResponseQueue.Slot, context: ChannelHandlerContext
    ) {
        inbound = .receiving(Reception(slot: slot, body: body, closesConnection: head.closesConnection))
        writeReadyResponses(context: context)
    }

    private func receive(_ bytes: ByteBuffer, of reception: Reception, context: ChannelHandlerContext) {
        do throws(Refusal) {
            let result = bytes.withUnsafeReadableBytes { bytes in
                Result { () throws(Refusal) in try reception.body.write(bytes) }
            }
            try result.get()
        } catch {
            let remaining = reception.body.remaining - Int64(bytes.readableBytes)
            var response = pi.map { Response(error, pi: $0) } ?? Response(status: error.problem.status)
            response.closesConnection = reception.closesConnection || remaining > Self.largestDiscardedBody
            inbound = response.closesConnection ? .finished : .discarding
            complete(reception.slot, response, context: context)
        }
    }

    private func finish(_ reception: Reception, context: ChannelHandlerContext) {
        if reception.closesConnection { inbound = .finished }
        reception.body.finish(
            credentials: credentials, on: context.eventLoop,
            then: answer(in: reception.slot, closesConnection: reception.closesConnection, context: context))
    }

    // MARK: The connection's beginning and end

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let handshake as TLSHandshakeCompleted:
            pi = try? LeafProfile.piName(of: handshake.peer)
        case ChannelEvent.inputClosed:
            isHalfClosed.set()
            if isHolding { held.append(.inputClosed) } else { inputClosed(context: context) }
        case is DrainConnection:
            isDraining = true
            closeIfDone(context: context)
        case is TooManyConnections:
            isSurplus = true
        case is MakeWay:
            // What waits for the disk, or for room, is silent but will be answered.
            if queue.isEmpty && !isHolding || isReceiving && !holdsReadBack { context.close(promise: nil) }
        case let fault as ClientPace.Fault:
            giveUp(over: fault, context: context)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func inputClosed(context: ChannelHandlerContext) {
        inputIsClosed = true
        if isReceiving { queue.removeLast() }
        inbound = .finished
        closeIfDone(context: context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        // Dropping the reception gives its temporary file back, or keeps what came of an upload that can be gone on with.
        inbound = .finished
        held = []
        context.fireChannelInactive()
    }

    var isFinished: Bool {
        if case .finished = inbound { true } else { false }
    }

    var isReceiving: Bool {
        if case .receiving = inbound { true } else { false }
    }

    /// Whether what comes is held.
    var isHolding: Bool {
        switch inbound {
        case .preparing, .awaitingRoom: true
        default: false
        }
    }
}
