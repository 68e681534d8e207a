import Logging
import NIOCore
import NIOHTTP1
import NIOOpenSSL
import OpenSSL
import UploadProtocol
import UploadStore

/// What a request is refused for, and what a broken connection means.
extension HTTPConnectionHandler {
    func refuse(_ refusal: Refusal, _ raw: HTTPRequestHead, context: ChannelHandlerContext) {
        var response = answer(to: refusal)
        response.omitsBody = raw.method == .HEAD
        response.closesConnection =
            isSurplus || refusal.closesConnection || !raw.isKeepAlive || raw.headers.contains(name: "expect")
        refuseOrAnswer(response, of: raw, context: context)
    }

    /// For an answer that does not wait for the body.
    func refuseOrAnswer(_ response: Response, of raw: HTTPRequestHead, context: ChannelHandlerContext) {
        var response = response
        let length = raw.headers.first(name: "content-length").flatMap { Int64($0) } ?? 0
        if length > Self.largestDiscardedBody || raw.headers.contains(name: "transfer-encoding") {
            response.closesConnection = true
        }
        inbound = response.closesConnection ? .finished : .discarding
        complete(queue.append(), response, context: context)
    }

    /// For a request that has its place among the answers already.
    func refuse(
        _ refusal: Refusal, _ head: RequestHead, in slot: ResponseQueue.Slot, context: ChannelHandlerContext
    ) {
        var response = answer(to: refusal)
        response.closesConnection =
            refusal.closesConnection || head.closesConnection || head.expectsContinue
            || head.body.length > Self.largestDiscardedBody
        inbound = response.closesConnection ? .finished : .discarding
        complete(slot, response, context: context)
    }

    private func answer(to refusal: Refusal) -> Response {
        receiver.log(refusal, pi, logger)
        return pi.map { Response(refusal, pi: $0) } ?? Response(status: refusal.problem.status)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case _ where isHolding && !(error is TLSError):
            held.append(.error(error))
        case HTTPParserError.invalidEOFState:
            // A cut connection, not a malformed request.
            if case .receiving(let reception) = inbound {
                logger.notice("upload cut off", metadata: reception.body.metadata)
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
        abandon(
            (error as? HTTPParserError) == .headerOverflow
                ? Refusal(.headerTooLarge, "The request's header is larger than this receiver reads.")
                : Refusal(.malformedRequest, "The request is not HTTP/1.1 that can be read in one way only."),
            context: context)
    }

    /// A client was too slow.
    func giveUp(over fault: ClientPace.Fault, context: ChannelHandlerContext) {
        switch (fault, inbound) {
        case (.idle, _), (.answers, _):
            if fault == .answers { logger.notice("connection given up", metadata: ["reason": "answers not taken"]) }
            context.close(promise: nil)
        case (.body, .discarding):
            // It has its answer.
            inbound = .finished
            closeIfDone(context: context)
        case (.head, _):
            abandon(Refusal(.timeout, "The request's header took too long."), context: context)
        case (.body, _):
            abandon(Refusal(.timeout, "The request's body came too slowly."), context: context)
        }
    }

    /// Answers what is being read, or would be next, and reads nothing behind it.
    private func abandon(_ refusal: Refusal, context: ChannelHandlerContext) {
        let slot: ResponseQueue.Slot
        switch inbound {
        case .finished: return
        case .receiving(let reception): slot = reception.slot
        case .preparing(let preparation): slot = preparation.slot
        case .awaitingHead, .awaitingRoom, .discarding: slot = queue.append()
        }
        inbound = .finished
        var response = answer(to: refusal)
        response.closesConnection = true
        complete(slot, response, context: context)
        flushOutput(context: context)
    }
}
