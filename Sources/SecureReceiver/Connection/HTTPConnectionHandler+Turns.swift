import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import UploadProtocol

/// Requests that wait for their turn at an upload, and those that a newer one ends.
extension HTTPConnectionHandler {
    /// What came meanwhile, in its order.
    enum Held {
        case part(HTTPServerRequestPart)
        case inputClosed
        case error(any Error)
    }

    typealias Begin = (
        any Channel, _ end: @escaping @Sendable () -> Void, _ started: @escaping @Sendable (Receiver.Start) -> Void
    ) -> Void

    func prepare(_ head: RequestHead, context: ChannelHandlerContext, _ begin: Begin) {
        let slot = queue.append()
        inbound = .preparing(Preparation(slot: slot, head: head))
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        begin(
            context.channel,
            { eventLoop.execute { bound.value.handler.endUpload(slot, context: bound.value.context) } },
            { bound.value.handler.started(slot, $0, context: bound.value.context) })
    }

    private func started(_ slot: ResponseQueue.Slot, _ start: Receiver.Start, context: ChannelHandlerContext) {
        // The connection may be gone, or the turn was wanted meanwhile: then the body is let go here.
        guard case .preparing(let preparation) = inbound, preparation.slot == slot else { return }
        let head = preparation.head
        switch start {
        case .success(let body):
            if head.expectsContinue { queue.goAhead(slot) }
            receive(body, head, slot, context: context)
        case .failure(let refusal):
            refuse(refusal, head, in: slot, context: context)
        }
        takeHeld(context: context)
    }

    /// As if it came now; some of it may be held again.
    func takeHeld(context: ChannelHandlerContext) {
        let held = held
        self.held = []
        for event in held {
            switch event {
            case .part(let part): receive(part, context: context)
            case .inputClosed: if isHolding { self.held.append(event) } else { inputClosed(context: context) }
            case .error(let error): errorCaught(context: context, error: error)
            }
        }
        readOnIfPossible(context: context)
        flushOutput(context: context)
    }

    /// A newer request wants the turn of this one, whose connection is taken for dead.
    private func endUpload(_ slot: ResponseQueue.Slot, context: ChannelHandlerContext) {
        switch inbound {
        case .preparing(let preparation) where preparation.slot == slot: break
        case .receiving(let reception) where reception.slot == slot:
            logger.notice("upload ended by a newer request", metadata: reception.body.metadata)
        default: return
        }
        inbound = .finished
        held = []
        context.close(promise: nil)
    }

    /// What answers a request later, on the event loop.
    func answer(
        in slot: ResponseQueue.Slot, closesConnection: Bool, omitsBody: Bool = false, context: ChannelHandlerContext
    ) -> @Sendable (Response) -> Void {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        return { response in
            var response = response
            response.closesConnection = response.closesConnection || closesConnection
            response.omitsBody = omitsBody
            bound.value.handler.complete(slot, response, context: bound.value.context)
            bound.value.handler.flushOutput(context: bound.value.context)
        }
    }
}
