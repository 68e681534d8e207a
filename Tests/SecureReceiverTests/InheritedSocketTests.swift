import CommandSupport
import Foundation
import TestSupport
import Testing

@testable import SecureReceiver

@Suite("A socket that systemd hands over")
struct InheritedSocketTests {
    /// A socket of a test's own; bound to a free port of loopback if it is one of IPv4.
    private final class Socket: Sendable {
        let descriptor: Int32

        init(_ domain: Int32, _ type: __socket_type, listens: Bool) {
            descriptor = socket(domain, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            if domain == AF_INET {
                withUnsafePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        _ = bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                    }
                }
            }
            if listens { listen(descriptor, 8) }
        }

        deinit {
            close(descriptor)
        }

        var port: Int {
            var address = sockaddr_in()
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &size) }
            }
            return Int(UInt16(bigEndian: address.sin_port))
        }
    }

    /// As systemd starts it: the variables name the process itself.
    private func start(_ socket: Int32, count: Int = 1, in folder: TemporaryFolder, _ notified: NotifySocket) throws
        -> Program
    {
        try Program(
            starting: "/bin/sh",
            [
                "-c", "LISTEN_PID=$$ exec \"$0\" \"$@\"", Program.path("secure-receiver"), "--cert", "certs/server.pem",
                "--log-format", "json",
            ], in: folder.path, environment: ["LISTEN_FDS": "\(count)", "NOTIFY_SOCKET": notified.name],
            inheriting: socket)
    }

    @Test("is the one that uploads come in by")
    func isUsed() async throws {
        let (folder, lab, secret) = try RunningReceiver.deployment()
        let (listener, notified) = (Socket(AF_INET, SOCK_STREAM, listens: true), try NotifySocket())
        let program = try start(listener.descriptor, in: folder, notified)
        let context = try RunningReceiver.context(lab.pi("pi-01"), lab: lab)
        let answer = try await blocking {
            _ = try notified.next("READY")
            let client = try RawClient(port: listener.port, context: context)
            try client.send(UploadRequest(pi: "pi-01", secret: secret, path: "a", body: [1]).bytes)
            return try client.response()
        }
        #expect(answer.status == 201)
        program.send(signal: SIGTERM)
        let outcome = try await program.outcome()
        #expect(outcome.exitCode == 0)
        #expect(outcome.output == "Listening on https://127.0.0.1:\(listener.port)\n")
        // It was the receiver's copy that it closed: the next receiver goes on with the same port.
        #expect(try InheritedSocket.check(listener.descriptor) == listener.descriptor)
    }

    @Test("is refused with the way out unless it is one that listens for TCP")
    func isRefused() throws {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        defer { for end in ends { close(end) } }
        expectRefusal(ends[0], "is no socket")
        let datagram = Socket(AF_INET, SOCK_DGRAM, listens: false)
        expectRefusal(datagram.descriptor, "is no stream socket")
        let silent = Socket(AF_INET, SOCK_STREAM, listens: false)
        expectRefusal(silent.descriptor, "does not listen")
        let local = Socket(AF_UNIX, SOCK_STREAM, listens: true)
        expectRefusal(local.descriptor, "no socket for IPv4 or IPv6")
    }

    private func expectRefusal(_ descriptor: Int32, _ words: String) {
        let failure = #expect(throws: CommandFailure.self) { try InheritedSocket.check(descriptor) }
        #expect(failure?.reason?.contains(words) == true, "\(failure?.reason ?? "")")
        #expect(failure?.hint?.contains("ListenStream=") == true)
    }

    @Test("ends the program where it is of no use, or where there are several")
    func endsTheProgram() async throws {
        let (folder, _, _) = try RunningReceiver.deployment()
        let datagram = Socket(AF_INET, SOCK_DGRAM, listens: false)
        let notified = try NotifySocket()
        var outcome = try await start(datagram.descriptor, in: folder, notified).outcome()
        #expect(outcome.exitCode == 78)
        #expect(
            outcome.errors.hasPrefix("Cannot listen on what systemd passes: descriptor 3 is no stream socket\n  hint:"))
        let listener = Socket(AF_INET, SOCK_STREAM, listens: true)
        outcome = try await start(listener.descriptor, count: 2, in: folder, notified).outcome()
        #expect(outcome.exitCode == 78)
        #expect(outcome.errors.hasPrefix("Cannot listen on what systemd passes: it passes 2 sockets\n  hint:"))
    }

    @Test("is left alone where the variables are meant for another process")
    func isOfAnother() throws {
        for pid in ["1", "", "x"] {
            #expect(try InheritedSocket.find { ["LISTEN_PID": pid, "LISTEN_FDS": "1"][$0] } == nil)
        }
        #expect(try InheritedSocket.find { ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "0"][$0] } == nil)
    }
}
