import NIOCore
import NIOHTTP1
import NIOOpenSSL
import UploadProtocol

/// Sent towards the network as soon as a client has shown a good signature.
struct SignatureShown: Sendable {}

/// Fired for a connection that its Pi has too many of: it gets an answer that says so.
struct TooManyConnections: Sendable {}

/// Stands before the HTTP decoder and sees whether a read brought anything for it: of a piece of a head it says nothing.
final class PlaintextWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    var hasCome = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hasCome = true
        context.fireChannelRead(data)
    }
}

/// Keeps one client to its limits: sees what it sends and takes, and fires a `ClientPace.Fault` when it is too slow.
///
/// Stands between the HTTP decoder and the handler that holds reads back: a read that passes here is one that waits for the
/// client.
final class ClientLimitsHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let presence: Presence
    private let connections: ConnectionRegistry
    private let plaintext: PlaintextWatch
    private var pace: ClientPace
    private var readBroughtParts = false
    private var timer: (deadline: NIODeadline, task: Scheduled<Void>)?

    init(
        _ limits: ClientLimits, plaintext: PlaintextWatch, presence: Presence, connections: ConnectionRegistry
    ) {
        self.plaintext = plaintext
        pace = ClientPace(limits)
        self.presence = presence
        self.connections = connections
    }

    // MARK: What comes in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        readBroughtParts = true
        switch unwrapInboundIn(data) {
        case .head(let head): pace.headCame(awaitsGoAhead: head.headers.contains(name: "expect"), .now())
        case .body(let bytes): pace.bodyCame(bytes.readableBytes)
        case .end: pace.requestEnded(.now())
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        pace.readEnded(broughtPieceOfHead: plaintext.hasCome && !readBroughtParts, now)
        readBroughtParts = false
        plaintext.hasCome = false
        presence.heard(now)
        context.fireChannelReadComplete()
        follow(context)
    }

    func read(context: ChannelHandlerContext) {
        pace.readBegan(.now())
        follow(context)
        context.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        guard let handshake = event as? TLSHandshakeCompleted else { return }
        pace.handshakeCompleted(.now())
        guard let pi = try? LeafProfile.piName(of: handshake.peer) else { return }
        switch connections.identify(presence, as: pi) {
        case .welcome: break
        case .surplus:
            pace.distrust()
            context.fireUserInboundEventTriggered(TooManyConnections())
        case .unbearable: context.close(promise: nil)
        }
    }

    // MARK: What goes out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status == .continue:
            pace.goAheadGiven(.now())
            context.write(data, promise: promise)
        case .end:
            let promise = promise ?? context.eventLoop.makePromise()
            pace.answerWritten(.now())
            promise.futureResult.assumeIsolated().whenComplete { _ in
                self.pace.answerOut(.now())
                self.follow(context)
            }
            context.write(data, promise: promise)
        default: context.write(data, promise: promise)
        }
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        if event is SignatureShown {
            pace.trust()
            promise?.succeed()
        } else {
            context.triggerUserOutboundEvent(event, promise: promise)
        }
    }

    // MARK: The clock

    /// Seldom sets a timer: a later deadline is found when the earlier one has come.
    private func follow(_ context: ChannelHandlerContext) {
        presence.mayMakeWay = pace.mayMakeWay
        guard let deadline = pace.deadline, context.channel.isActive else { return }
        if let timer, timer.deadline <= deadline { return }
        timer?.task.cancel()
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.timer = nil
            if let fault = self.pace.fault(.now()) { context.fireUserInboundEventTriggered(fault) }
            self.follow(context)
        }
        timer = (deadline, task)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.task.cancel()
        timer = nil
    }
}
