import CertificateAuthority
import Files
import Foundation
import Glibc
import OpenSSL
import Synchronization
import TestSupport
import UploadProtocol

/// A TLS server on a free loopback port that does with each connection what a test's script says.
final class ScriptedReceiver: Sendable {
    let port: UInt16
    private let listener: FileDescriptor
    private let accepted = Mutex(0)

    /// `identity`: what it shows; `lab`: whose Pis it lets in. The script runs after the handshake.
    init(
        as identity: TestLab.Identity, in lab: TestLab, script: @escaping @Sendable (PeerConnection) throws -> Void
    ) throws {
        let configuration = TLSConfiguration(
            role: .server, certificateChain: [identity.certificate], privateKey: identity.key,
            trustRoots: [lab.authority.certificate]
        ) { chain in
            do throws(ProfileViolation) {
                _ = try LeafProfile.piName(of: chain)
                return .accept
            } catch {
                return .refuse("\(error)")
            }
        }
        let context = try TLSContext(configuration)
        (listener, port) = try listenOnLoopback()
        start(context: context, script: script)
    }

    deinit {
        stop()
    }

    /// No connection is taken from now on.
    func stop() {
        // Ends the accepting thread. Its number is ours until both let go of it: by then another test may have it.
        shutdown(listener.number, Int32(SHUT_RDWR))
    }

    var connectionCount: Int { accepted.withLock { $0 } }

    private func start(context: TLSContext, script: @escaping @Sendable (PeerConnection) throws -> Void) {
        let listener = listener
        Thread.detachNewThread { [weak self] in
            while true {
                let socket = accept(listener.number, nil, nil)
                guard socket >= 0 else { break }
                guard let number = self?.countConnection() else {
                    close(socket)
                    break
                }
                Thread.detachNewThread {
                    guard let connection = try? PeerConnection(socket: socket, number: number, context: context) else {
                        return
                    }
                    // What goes wrong here shows in what the sender makes of it.
                    try? connection.handshake()
                    try? script(connection)
                }
            }
        }
    }

    private func countConnection() -> Int {
        accepted.withLock { count in
            defer { count += 1 }
            return count
        }
    }
}

/// A listener that speaks no TLS: answers the first bytes of each connection, or none of them.
final class PlainListener: Sendable {
    let port: UInt16
    private let listener: FileDescriptor

    init(answer: String?) throws {
        (listener, port) = try listenOnLoopback()
        let listener = listener
        Thread.detachNewThread {
            while true {
                let socket = accept(listener.number, nil, nil)
                guard socket >= 0 else { break }
                var buffer = [UInt8](repeating: 0, count: 4096)
                while recv(socket, &buffer, buffer.count, 0) > 0 {
                    guard let answer else { continue }
                    let bytes = Array(answer.utf8)
                    Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                    break
                }
                close(socket)
            }
        }
    }

    deinit {
        shutdown(listener.number, Int32(SHUT_RDWR))
    }
}

/// A port whose queue of connections is full: the kernel drops whatever else comes, as a firewall does.
final class SilentPort: Sendable {
    let port: UInt16
    private let listener: FileDescriptor
    private let queued: [FileDescriptor]

    init() throws {
        let (listener, port) = try listenOnLoopback(queue: 0)
        (self.listener, self.port) = (listener, port)
        queued = try (0..<4).map { _ in
            let number = socket(
                AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            address.sin_port = port.bigEndian
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard result == 0 || errno == EINPROGRESS else { throw POSIXError(.ECONNREFUSED) }
            return FileDescriptor(takingOwnershipOf: number, path: "a connection of loopback")
        }
    }
}

private func listenOnLoopback(queue: Int32 = 16) throws -> (FileDescriptor, UInt16) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            bind(listener, pointer, size) == 0 && Glibc.listen(listener, queue) == 0
                && getsockname(listener, pointer, &size) == 0
        }
    }
    guard result else { throw POSIXError(.EADDRNOTAVAIL) }
    return (
        FileDescriptor(takingOwnershipOf: listener, path: "a listener of loopback"), UInt16(bigEndian: address.sin_port)
    )
}
