import Foundation
import MessageSignatures
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("An upload")
struct UploadTests {
    @Test("is stored with its receipt beside it, and answered with that receipt")
    func isStored() async throws {
        try await RunningReceiver.run { receiver in
            let request = receiver.request(path: "2026/m%C3%A4rz.json")
            let (response, certificate) = try await receiver.connected { client in
                try client.send(request.bytes)
                return (try client.response(), client.serverCertificate)
            }
            #expect(response.status == 201)
            #expect(receiver.stored == ["pi-01/2026/märz.json", "pi-01/2026/märz.json.sha256"])
            #expect(try receiver.folder.read("received_files/pi-01/2026/märz.json") == request.body)

            let shown = try #require(certificate)
            let signed = try SignedReceipt(
                verifying: response.text, signatureInput: response.fields["signature-input"] ?? "",
                signature: response.fields["signature"] ?? "",
                context: .init(
                    status: 201, method: "PUT", authority: "127.0.0.1", path: "/v1/files/2026/m%C3%A4rz.json",
                    requestDigest: SHA256.digest(of: request.body)),
                certificate: shown)
            #expect(signed.receipt.pi == "pi-01")
            #expect(signed.receipt.path == "2026/märz.json")
            #expect(signed.receipt.size == Int64(request.body.count))
            #expect(signed.receipt.result == .created)
            let sidecar = ReceiptFile(signed, digest: SHA256.digest(of: request.body), name: "märz.json")
            #expect(try receiver.folder.read("received_files/pi-01/2026/märz.json.sha256") == sidecar.contents)
        }
    }

    @Test("of the same bytes again is answered 200 with a receipt and moves nothing")
    func isIdempotent() async throws {
        try await RunningReceiver.run { receiver in
            let request = receiver.request()
            #expect(try await receiver.answer(to: request).status == 201)
            let stored = receiver.stored
            let again = try await receiver.answer(to: request)
            #expect(again.status == 200)
            #expect(again.member("result") == "unchanged")
            #expect(again.fields["signature"] != nil)
            #expect(receiver.stored == stored)
        }
    }

    @Test("of other bytes under the same name keeps both; the first bytes again leave the second current")
    func keepsVersions() async throws {
        try await RunningReceiver.run { receiver in
            let (first, second) = (Array("first".utf8), Array("second".utf8))
            for (body, result) in [(first, "created"), (second, "replaced"), (first, "unchanged")] {
                let answer = try await receiver.answer(to: receiver.request(body: body))
                #expect(answer.member("result") == result)
            }
            #expect(try receiver.folder.read("received_files/pi-01/a.json") == second)
            let version = "received_files/pi-01/.versions/a.json/\(SHA256.digest(of: first))"
            #expect(try receiver.folder.read(version) == first)
            #expect(try receiver.folder.read("\(version).sha256").isEmpty == false)
        }
    }

    @Test("of two Pis under one name keeps both, each in its Pi's folder")
    func separatesPis() async throws {
        try await RunningReceiver.run { receiver in
            for pi in ["pi-01", "pi-02"] {
                let request = receiver.request(pi: pi, body: Array(pi.utf8))
                let answer = try await receiver.answer(to: request, as: pi)
                #expect(answer.status == 201)
                let stored = try receiver.folder.read("received_files/\(pi)/a.json")
                #expect(stored == Array(pi.utf8))
            }
        }
    }

    @Test("of no bytes is stored as an empty file")
    func storesEmptyFile() async throws {
        try await RunningReceiver.run { receiver in
            let answer = try await receiver.answer(to: receiver.request(body: []))
            #expect(answer.status == 201)
            let stored = try receiver.folder.read("received_files/pi-01/a.json")
            #expect(stored.isEmpty)
        }
    }

    @Test("keeps the modification time that it was sent with")
    func keepsModificationTime() async throws {
        try await RunningReceiver.run { receiver in
            var request = receiver.request()
            request.fields = [("Last-Modified", "Sat, 16 May 2026 10:15:00 GMT")]
            request.components.append(CoveredComponent("last-modified"))
            #expect(try await receiver.answer(to: request).status == 201)
            let attributes = try FileManager.default.attributesOfItem(
                atPath: receiver.folder("received_files/pi-01/a.json"))
            #expect((attributes[.modificationDate] as? Date)?.timeIntervalSince1970 == 1_778_926_500)
        }
    }

    @Test("may be pipelined: every request gets its own answer in order, a refused one in the middle too")
    func isPipelined() async throws {
        try await RunningReceiver.run { receiver in
            var requests = (0..<100).map { receiver.request(path: "\($0).json", body: Array("\($0)".utf8)) }
            requests[40].secret = try PiSecret()
            requests[60].body[0] ^= 1
            let pipelined = requests
            let answers = try await receiver.connected { client in
                try client.send(pipelined.flatMap(\.bytes))
                return try pipelined.map { _ in try client.response() }
            }
            for (index, answer) in answers.enumerated() {
                switch index {
                case 40: #expect(answer.code == "authentication-failed")
                case 60: #expect(answer.code == "digest-mismatch")
                default: #expect(answer.member("path") == "\(index).json")
                }
            }
            #expect(receiver.stored.count == 98 * 2)
        }
    }

    @Test("may cover further fields: several of one name are joined, blanks around a value do not count")
    func coversFields() async throws {
        try await RunningReceiver.run { receiver in
            var request = receiver.request()
            request.fields = [("X-Station", "3"), ("X-Station", "roof")]
            request.components.append(CoveredComponent("x-station"))
            request.rewriteHead = { $0.replacingOccurrences(of: "roof", with: "roof \t") }
            let answer = try await receiver.answer(to: request)
            #expect(answer.status == 201)
        }
    }

    @Test("that asks for another protocol is stored, and the connection says that it ends")
    func ignoresUpgrade() async throws {
        try await RunningReceiver.run { receiver in
            var request = receiver.request()
            request.fields = [("Connection", "Upgrade"), ("Upgrade", "h2c")]
            let answer = try await receiver.answer(to: request)
            #expect(answer.status == 201)
            #expect(answer.fields["connection"] == "close")
        }
    }

    @Test("waits while as many as may be are under way, and goes on as soon as one has ended")
    func waitsForRoom() async throws {
        try await RunningReceiver.run(uploadsUnderWay: 1) { receiver in
            var request = receiver.request(path: "slow")
            request.fields = [("Expect", "100-continue")]
            let slow = request
            let others = (0..<20).map { receiver.request(path: "\($0)") }
            let answers = try await receiver.connected { client in
                try client.send(slow.head.utf8)
                let interim = try client.response().status
                let context = try receiver.context(receiver.lab.pi("pi-01"))
                let held = try RawClient(port: receiver.port, context: context)
                for other in others { try held.send(other.bytes) }
                try client.send(slow.body)
                return [interim, try client.response().status] + (try others.map { _ in try held.response().status })
            }
            #expect(answers == [100, 201] + others.map { _ in 201 })
        }
    }

    @Test("may wait for 100 (Continue), which comes after the decision")
    func continues() async throws {
        try await RunningReceiver.run { receiver in
            var request = receiver.request()
            request.fields = [("Expect", "100-continue")]
            let (waiting, stranger) = (request, try PiSecret())
            let statuses = try await receiver.connected { client in
                try client.send(waiting.head.utf8)
                let interim = try client.response().status
                try client.send(waiting.body)
                return [interim, try client.response().status]
            }
            #expect(statuses == [100, 201])

            request.secret = stranger
            let refused = request
            let refusal = try await receiver.connected { client in
                try client.send(refused.head.utf8)
                return try client.response()
            }
            #expect(refusal.status == 401)
            #expect(refusal.fields["connection"] == "close")
        }
    }

    @Test("of a small file that ends before its last byte leaves nothing behind")
    func leavesNothingHalf() async throws {
        try await RunningReceiver.run { receiver in
            let request = receiver.request(body: Array(repeating: 7, count: 60_000))
            try await receiver.connected { client in
                try client.send(request.bytes.dropLast())
                try client.closeOutput()
                _ = try? client.isClosedByServer()
            }
            #expect(receiver.stored.isEmpty)
            #expect(receiver.folder.files(below: "received_files/.receiver").filter { $0 != "lock" }.isEmpty)
            #expect(receiver.log.lines.contains { $0.hasPrefix("notice upload cut off") })
            #expect(!receiver.log.lines.contains { $0.contains("malformed-request") })
        }
    }
}
