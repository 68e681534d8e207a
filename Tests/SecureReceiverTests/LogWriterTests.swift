import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("The log")
struct LogWriterTests {
    /// Both ends of a pipe that holds one page.
    private final class SmallPipe: Sendable {
        let reading: Int32
        let writing: Int32

        init() {
            var ends: [Int32] = [0, 0]
            pipe(&ends)
            (reading, writing) = (ends[0], ends[1])
            // Not inherited by programs that other tests start: the end of what comes would never be seen.
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            // F_SETPIPE_SZ (fcntl(2)), which the Glibc module hides.
            _ = fcntl(writing, 1031, 4096)
        }

        deinit {
            close(reading)
        }

        /// All that comes until the writing end is closed.
        func readAll() -> String {
            var text: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = read(reading, &buffer, buffer.count)
                guard count > 0 else { return String(decoding: text, as: UTF8.self) }
                text += buffer[..<count]
            }
        }
    }

    @Test("drops lines that nobody takes, rather than wait, and says how many")
    func dropsLines() async throws {
        let pipe = SmallPipe()
        let writer = LogWriter(descriptor: pipe.writing, style: .text, mostWaiting: 64 * 1024)
        let line = Array((String(repeating: "x", count: 99) + "\n").utf8)
        for _ in 1...10_000 { writer.write(line) }
        async let text = blocking { pipe.readAll() }
        try await blocking {
            writer.flush(within: .seconds(60))
            close(pipe.writing)
        }
        let lines = try await text.split(separator: "\n")
        let written = lines.filter { $0.hasPrefix("xxx") }
        #expect(written.allSatisfy { $0.utf8.count == 99 })
        let dropped = try lines.filter { !$0.hasPrefix("xxx") }.map { line in
            #expect(line.contains("log lines dropped"))
            return try #require(line.split(separator: "=").last.flatMap { Int($0) })
        }.reduce(0, +)
        #expect(dropped > 0)
        #expect(written.count + dropped == 10_000)
    }

    @Test("that nobody reads holds up no upload")
    func holdsNothingUp() async throws {
        let pipe = SmallPipe()
        let (folder, lab, secret) = try RunningReceiver.deployment()
        let notified = try NotifySocket()
        let program = try Program(
            starting: "secure-receiver",
            ["--cert", "certs/server.pem", "--listen", "127.0.0.1", "--port", "0", "--log-format", "json"],
            in: folder.path, environment: ["NOTIFY_SOCKET": notified.name], errors: pipe.writing)
        close(pipe.writing)
        let context = try RunningReceiver.context(lab.pi("pi-01"), lab: lab)
        let log = try await blocking {
            _ = try notified.next("READY")
            let port = try #require(program.output.dropLast().split(separator: ":").last.flatMap { Int($0) })
            let client = try RawClient(port: port, context: context)
            // Far more than the pipe holds.
            for number in 1...100 {
                try client.send(UploadRequest(pi: "pi-01", secret: secret, path: "\(number)", body: [1]).bytes)
                #expect(try client.response().status == 201)
            }
            program.send(signal: SIGTERM)
            return pipe.readAll()
        }
        #expect(try await program.outcome().exitCode == 0)
        let objects = try log.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        let stored = objects.filter { $0["message"] as? String == "file stored" }
        #expect(stored.map { $0["path"] as? String } == (1...100).map { "\($0)" })
        #expect(stored.allSatisfy { $0["pi"] as? String == "pi-01" && $0["size"] as? Int == 1 })
        #expect(stored.allSatisfy { $0["result"] as? String == "created" && $0["address"] as? String == "127.0.0.1" })
        #expect(stored.allSatisfy { ($0["sha256"] as? String)?.count == 64 && $0["seconds"] is Double })
    }

    @Test("never holds a secret or a signature, whatever is sent and however much is logged")
    func holdsNoSecret() async throws {
        try await RunningReceiver.run { receiver in
            var wrong = receiver.request(path: "wrong")
            wrong.secret = try PiSecret()
            let requests = [receiver.request(), wrong, receiver.request(pi: "pi-02"), receiver.request(path: "..")]
            for request in requests { _ = try await receiver.answer(to: request) }
            let log = receiver.log.lines.joined(separator: "\n")
            #expect(log.contains("file stored") && log.contains("authentication-failed"))
            for request in requests {
                let secret = request.secret.key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                #expect(!log.contains(secret))
                let signature = try #require(request.head.components(separatedBy: "Signature: sig=:").last?.prefix(40))
                #expect(!log.contains(signature))
            }
        }
    }

    @Test("with an unknown format or level is refused before anything starts")
    func refusesOptions() async throws {
        for option in [["--log-format", "xml"], ["--log-level", "loud"]] {
            let outcome = try await Program.run("secure-receiver", ["--cert", "x"] + option)
            #expect(outcome.exitCode == 64)
            #expect(outcome.errors.contains(option[1]))
        }
    }
}
