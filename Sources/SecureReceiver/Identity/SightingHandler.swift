import NIOCore
import NIOHTTP1
import NIOOpenSSL
import UploadProtocol

/// Tells the sightings of its connection's Pi, and passes everything on.
final class SightingHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let sightings: IdentitySightings
    private let address: String
    private var sighting: Sighting?

    init(_ sightings: IdentitySightings, address: String) {
        self.sightings = sightings
        self.address = address
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let handshake = event as? TLSHandshakeCompleted, let pi = try? LeafProfile.piName(of: handshake.peer) {
            sighting = sightings.begin(pi, from: address)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        sighting?.hasSent()
        context.fireChannelRead(data)
    }

    func channelInactive(context: ChannelHandlerContext) {
        sighting = nil
        context.fireChannelInactive()
    }
}
