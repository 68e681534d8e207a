import NIOCore
import NIOHTTP1

/// Answers go out in the order of their requests; and no more is read than gets answered.
extension HTTPConnectionHandler {
    func complete(_ slot: ResponseQueue.Slot, _ response: Response, context: ChannelHandlerContext) {
        queue.complete(slot, with: response)
        writeReadyResponses(context: context)
    }

    func writeReadyResponses(context: ChannelHandlerContext) {
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

    func flushOutput(context: ChannelHandlerContext) {
        guard hasUnflushedOutput else { return }
        hasUnflushedOutput = false
        context.flush()
    }

    // MARK: Reading no faster than the work gets done

    func read(context: ChannelHandlerContext) {
        guard isBusy(context) else { return context.read() }
        holdsReadBack = true
        if isWithoutRoom { awaitRoom(context: context) }
    }

    func awaitRoom(context: ChannelHandlerContext) {
        guard let pi, !waitsForRoom else { return }
        waitsForRoom = true
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        receiver.limit.whenThereIsRoom(for: pi) { [eventLoop = context.eventLoop] in
            eventLoop.execute { bound.value.handler.roomCame(context: bound.value.context) }
        }
    }

    private func roomCame(context: ChannelHandlerContext) {
        waitsForRoom = false
        if case .awaitingRoom = inbound {
            inbound = .awaitingHead
            takeHeld(context: context)
        } else {
            readOnIfPossible(context: context)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        readOnIfPossible(context: context)
        context.fireChannelWritabilityChanged()
    }

    func readOnIfPossible(context: ChannelHandlerContext) {
        guard holdsReadBack else { return }
        holdsReadBack = false
        read(context: context)
    }

    /// A client that does not read its answers is not read either.
    private func isBusy(_ context: ChannelHandlerContext) -> Bool {
        // Nobody wants what comes after the last request: better not even decrypted.
        if isFinished { return !isOutputClosed }
        return isHolding || queue.count >= mostInFlight || !context.channel.isWritable || isWithoutRoom
    }

    /// A handshake goes on all the same, and so does an upload that is half here: it is the ones under way that make room.
    private var isWithoutRoom: Bool { !isReceiving && pi.map { receiver.limit.isReached(for: $0) } ?? false }

    // MARK: Closing

    func closeIfDone(context: ChannelHandlerContext) {
        guard queue.isEmpty, inputIsClosed || isDraining || isFinished else { return }
        if case .discarding = inbound { return }  // Closing now could reset the connection under the answer.
        closeLingering(context: context)
    }

    /// Closes our direction first: a full close with unread data would reset the connection, and the peer might lose the
    /// last answer.
    func closeLingering(context: ChannelHandlerContext) {
        guard !isClosing else { return }
        isClosing = true
        inbound = .finished
        hasUnflushedOutput = false
        context.flush()
        // Not before the last answer is out, however slowly the peer takes it.
        let lastWritten = lastWritten ?? context.eventLoop.makeSucceededVoidFuture()
        lastWritten.assumeIsolated().whenComplete { _ in
            context.close(mode: .output, promise: nil)
            self.isOutputClosed = true
            self.readOnIfPossible(context: context)
            context.eventLoop.assumeIsolated().scheduleTask(in: self.inputIsClosed ? .zero : Self.lingerTime) {
                context.close(promise: nil)
            }
        }
    }
}
