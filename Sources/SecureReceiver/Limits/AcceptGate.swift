import NIOCore

/// Accepts no more connections than there is room for. The others wait in the kernel's queue (listen(2)), where they cost
/// no descriptor.
final class AcceptGate: ChannelDuplexHandler, Sendable {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let connections: ConnectionRegistry

    /// How often those that could make way are asked while somebody may be waiting.
    private static let retry = TimeAmount.seconds(1)

    private static let backoff = TimeAmount.milliseconds(100)

    init(_ connections: ConnectionRegistry) {
        self.connections = connections
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connections.accepted(unwrapInboundIn(data))
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        guard connections.isFull else { return context.read() }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let asking = context.eventLoop.scheduleRepeatedTask(initialDelay: Self.retry, delay: Self.retry) { _ in
            self.connections.makeRoom()
        }
        connections.whenThereIsRoom { [eventLoop = context.eventLoop] in
            eventLoop.execute {
                asking.cancel()
                if bound.value.channel.isActive { self.read(context: bound.value) }
            }
        }
    }

    /// Out of descriptors all the same (accept(2), EMFILE and ENFILE): something else in the process or on the machine has
    /// them. NIO goes on polling a socket that it cannot accept from, a whole core's worth, unless reading is turned off.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.fireErrorCaught(error)
        guard error is IOError, let options = context.channel.syncOptions else { return }
        try? options.setOption(.autoRead, value: false)
        connections.makeRoom()
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.backoff) {
            try? options.setOption(.autoRead, value: true)
            // Past NIO's own handler, which would wait a second: too long where many have given up waiting already.
            context.read()
        }
    }
}
