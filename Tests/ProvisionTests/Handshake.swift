import OpenSSL
import TestSupport
import UploadProtocol

/// What one side of a connection has: its PEM file and its roots.
struct Side {
    var pem: [UInt8]
    var roots: [UInt8]

    /// The receiver of a deployment as it is now.
    init(receiverOf lab: TestDeployment) throws {
        pem = try lab.folder.read("certs/server.pem")
        roots = try lab.folder.read("certs/ca.pem")
    }

    /// A Pi that has what its folder holds now.
    init(_ pi: String, of lab: TestDeployment) throws {
        pem = try lab.folder.read("pis/\(pi)/pi.pem")
        roots = try lab.folder.read("pis/\(pi)/ca.pem")
    }

    fileprivate func context(
        _ role: TLSConfiguration.Role, policy: @escaping @Sendable (VerifiedChain) throws -> Void
    ) throws -> TLSContext {
        try TLSContext(
            TLSConfiguration(
                role: role, certificateChain: Certificate.all(inPEM: pem),
                privateKey: PrivateKey(pem: SecureBytes(copyOf: pem)), trustRoots: Certificate.all(inPEM: roots)
            ) { chain in
                do { try policy(chain) } catch { return .refuse("\(error)") }
                return .accept
            })
    }
}

/// A handshake in memory, with the checks of the real programs; returns both ends. Throws if one refuses the other.
@discardableResult
func connect(receiver: Side, pi: Side) throws -> (server: TLSConnection, client: TLSConnection) {
    let server = try TLSConnection(context: receiver.context(.server) { _ = try LeafProfile.piName(of: $0) })
    let client = try TLSConnection(
        context: pi.context(.client) { try LeafProfile.checkReceiver($0) }, serverName: LeafProfile.receiverName)
    for _ in 1...10 {
        let clientState = try client.handshake()
        carry(from: client, to: server)
        let serverState = try server.handshake()
        carry(from: server, to: client)
        if case (.complete, .complete) = (clientState, serverState) { return (server, client) }
    }
    throw TLSError.peerHasNoCertificate
}

private func carry(from: TLSConnection, to: TLSConnection) {
    var bytes = [UInt8](repeating: 0, count: from.pendingCiphertextCount)
    let count = bytes.withUnsafeMutableBytes { from.takeCiphertext(into: $0) }
    bytes[..<count].withUnsafeBytes { to.receive($0) }
}
