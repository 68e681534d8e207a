import CommandSupport
import Glibc
import NIOCore
import NIOPosix

/// The socket that connections come in by.
enum Listener {
    /// `configure` is called for each connection. Throws CommandFailure with the way out.
    static func bind(
        to configuration: ReceiverConfiguration, on group: MultiThreadedEventLoopGroup, gate: AcceptGate,
        configure: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(gate) }
            }
            // One at a time: after each the gate looks at whether there is room for another one.
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            // One read at a time, and no large one: all that a read brings is worked at before anybody looks at whether
            // there is room for more.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 16 * 1024, maximum: 64 * 1024)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try configure(channel) }
            }
        do {
            if let socket = configuration.inheritedSocket { return try await bootstrap.withBoundSocket(socket).get() }
            // Addresses alone: to look up a name would want more rights (RestrictAddressFamilies= in the systemd unit).
            func bind(_ address: String) async throws -> any Channel {
                try await bootstrap.bind(to: SocketAddress(ipAddress: address, port: configuration.port)).get()
            }
            if let address = configuration.address { return try await bind(address) }
            // One socket for IPv6 and IPv4; where the kernel has no IPv6, IPv4 alone.
            do {
                return try await bind("::")
            } catch let error as IOError where [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.errnoCode) {
                return try await bind("0.0.0.0")
            }
        } catch {
            throw failure(error, configuration)
        }
    }

    private static func failure(_ error: any Error, _ configuration: ReceiverConfiguration) -> CommandFailure {
        let code = (error as? IOError)?.errnoCode
        let hint =
            switch code {
            case EACCES, EPERM: "ports below 1024 are for root; choose one from 1024 on with --port."
            case EADDRNOTAVAIL: "--listen takes an address of this machine (see `ip address`)."
            default: "another program may use the port (see `ss -ltnp`); choose another one with --port."
            }
        let place = configuration.inheritedSocket == nil ? "port \(configuration.port)" : "what systemd passes"
        // errno(3) alone: NIO's description names functions of its own.
        let reason = code.map { String(cString: strerror($0)) } ?? "\(error)"
        return CommandFailure(
            "Cannot listen on \(place)", reason: reason, hint: hint, exitCode: .unavailable)
    }
}

extension SocketAddress {
    /// Without the port. One socket for IPv6 and IPv4 shows the latter as `::ffff:192.168.1.20`; people know it without
    /// what stands before.
    var plainAddress: String? {
        guard let address = ipAddress else { return nil }
        let mapped = "::ffff:"
        return address.hasPrefix(mapped) && address.contains(".") ? String(address.dropFirst(mapped.count)) : address
    }
}
