import CertificateAuthority
import Foundation
import Logging
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("A receiver that is told to read its files again")
struct ReloadTests {
    @Test("says so of each, also where nothing has changed")
    func saysSo() async throws {
        try await RunningReceiver.run { receiver in
            for _ in 1...2 { receiver.reload() }
            let reloaded = receiver.log.lines.filter { $0.contains("reloaded") }
            #expect(reloaded.filter { $0.hasPrefix("info identifiers reloaded") }.count == 2)
            #expect(reloaded.filter { $0.hasPrefix("info credentials reloaded") }.count == 2)
            let answer = try await receiver.answer(to: receiver.request())
            #expect(answer.status == 201)
        }
    }

    @Test("keeps certificate, key and roots as they were if one of them is unusable, and says which and what to do")
    func keepsCredentials() async throws {
        try await RunningReceiver.run { receiver in
            // A good certificate, but the roots are of another authority.
            try receiver.folder.write(receiver.lab.receiver().pem(), to: "certs/server.pem")
            try receiver.folder.write(Array(TestLab().authority.certificate.pem.utf8), to: "certs/ca.pem")
            for _ in 1...2 { receiver.reload() }
            let unusable = receiver.log.lines.filter { $0.hasPrefix("error credentials unusable") }
            #expect(unusable.count == 2)
            #expect(unusable.allSatisfy { $0.contains("\(receiver.folder("certs/server.pem")) cannot be used") })
            #expect(unusable.allSatisfy { $0.contains("by the roots in \(receiver.folder("certs/ca.pem"))") })
            #expect(unusable.allSatisfy { $0.contains("provision") })
            #expect(try await receiver.answer(to: receiver.request()).status == 201)
        }
    }

    @Test("keeps the identifiers as they were if a line is unusable, and says which and what to do")
    func keepsIdentifiers() async throws {
        try await RunningReceiver.run { receiver in
            let lines = try receiver.folder.read("ids.txt")
            try receiver.folder.write(lines + Array("nonsense\n".utf8), to: "ids.txt")
            receiver.reload()
            let unusable = try #require(receiver.log.lines.first { $0.hasPrefix("error identifiers unusable") })
            #expect(unusable.contains("\(receiver.folder("ids.txt")) cannot be used: line 3 does not begin with"))
            #expect(unusable.contains("mend that line"))
            #expect(!unusable.contains("nonsense"))
            #expect(try await receiver.answer(to: receiver.request()).status == 201)

            try receiver.folder.write(lines, to: "ids.txt")
            receiver.reload()
            #expect(
                receiver.log.lines.last { $0.contains("identifiers") }?.hasPrefix("info identifiers reloaded") == true)
        }
    }

    @Test("tells of each line that is taken out while another is unusable, and how many Pis are left")
    func tellsOfLinesTakenOut() throws {
        let folder = try TemporaryFolder()
        let log = TestLog()
        let lines = ["0123456789abcdef pi-01\n", "123456789abcdef0 pi-01\n", "23456789abcdef01 pi-02\n"]
        func replace(with text: String) throws {
            try folder.write(Array(text.utf8), to: "new")
            #expect(rename(folder("new"), folder("ids.txt")) == 0)
        }
        try replace(with: lines.joined())
        let identifiers = try Prerequisites.identifiers(
            folder("ids.txt"), logger: Logger(label: "test") { _ in log })
        func told() -> [String] {
            for _ in 1...2 { _ = identifiers.current }
            return log.lines.filter { $0.hasPrefix("error identifiers unusable") }
        }
        try replace(with: "a typo\n\(lines.joined())")
        #expect(told().count == 1)
        #expect(told().allSatisfy { !$0.contains("taken out") && $0.contains("\"pis\": 2") })
        for (left, pis) in [(2, 2), (1, 1), (0, 0)] {
            try replace(with: "a typo\n\(lines.suffix(left).joined())")
            #expect(told().count == 4 - left)
            #expect(told().last?.contains("less what was taken out") == true)
            #expect(told().last?.contains("\"pis\": \(pis)") == true)
        }
    }

    @Test("keeps the identifiers if ids.txt is gone")
    func keepsMissingIdentifiers() async throws {
        try await RunningReceiver.run { receiver in
            try FileManager.default.removeItem(atPath: receiver.folder("ids.txt"))
            receiver.reload()
            let unusable = try #require(receiver.log.lines.first { $0.hasPrefix("error identifiers unusable") })
            #expect(unusable.contains(receiver.folder("ids.txt")))
            #expect(unusable.contains("put it back"))
            #expect(try await receiver.answer(to: receiver.request()).status == 201)
        }
    }
}

@Suite("Signals to the program")
struct SignalTests {
    @Test("a second SIGTERM does not wait for an upload that hangs")
    func stopsAtOnce() async throws {
        let (folder, lab, secret) = try RunningReceiver.deployment()
        let notified = try NotifySocket()
        let program = try Program(
            starting: "secure-receiver", ["--cert", "certs/server.pem", "--listen", "127.0.0.1", "--port", "0"],
            in: folder.path, environment: ["NOTIFY_SOCKET": notified.name])
        let context = try RunningReceiver.context(lab.pi("pi-01"), lab: lab)
        var request = UploadRequest(pi: "pi-01", secret: secret, path: "a", body: [1])
        request.fields = [("Expect", "100-continue")]
        let upload = request
        try await blocking {
            _ = try notified.next("READY")
            let line = program.output.split(separator: "\n")[0]
            let port = try #require(line.split(separator: ":").last.flatMap { Int($0) })
            let client = try RawClient(port: port, context: context)
            try client.send(upload.head.utf8)
            _ = try client.response()
            program.send(signal: SIGTERM)
            _ = try notified.next("STOPPING")
            // The same signal right after the first does not count: some programs send it twice.
            while !program.errors.contains("stopping at once") {
                program.send(signal: SIGTERM)
                usleep(50_000)
            }
        }
        #expect(try await program.outcome().exitCode == 0)
    }
}
