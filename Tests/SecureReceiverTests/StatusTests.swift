import Foundation
import MessageSignatures
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("The receiver's status")
struct StatusTests {
    @Test("says how much room there is, how large a file may be, and what time it is")
    func isTold() async throws {
        try await RunningReceiver.run(largestFile: 1_000_000) { receiver in
            let answer = try await receiver.answer(to: receiver.question())
            let status = try #require(ReceiverStatus(json: answer.text))
            #expect(answer.status == 200)
            #expect(answer.fields["content-type"] == "application/json")
            #expect(answer.fields["cache-control"] == "no-store")
            #expect(status.available > 0)
            #expect(status.largest == 1_000_000)
            #expect(
                answer.fields["date"].flatMap { HTTPDate.parse($0) }.map { HTTPDate.formatInternet($0) } == status.time)
            #expect(receiver.stored.isEmpty)
        }
    }

    @Test("names no largest file where any is taken")
    func unlimited() async throws {
        try await RunningReceiver.run { receiver in
            let answer = try await receiver.answer(to: receiver.question())
            #expect(ReceiverStatus(json: answer.text).map { $0.largest == nil } == true, "\(answer.text)")
        }
    }

    @Test("can be asked for with HEAD, which brings no body, and the connection goes on")
    func head() async throws {
        try await RunningReceiver.run { receiver in
            var question = receiver.question()
            question.method = "HEAD"
            let bytes = question.bytes
            let (head, answer) = try await receiver.connected { client in
                try client.send(bytes)
                let head = try client.headers()
                try client.send(receiver.question().bytes)
                return (head, try client.response())
            }
            #expect(head.status == 200)
            #expect(Int(head.fields["content-length"] ?? "") == answer.body.count)
            #expect(answer.status == 200)
        }
    }

    static let refused: [RefusalTests.Case] = [
        .init("another secret", 401, "authentication-failed") {
            $0.secret = PiSecret(Array("0123456789abcdef".utf8))!
        },
        .init("another Pi's keyid", 403, "identity-mismatch") { $0.set("keyid", .string("pi-02")) },
        .init("a signature of another time", 401, "clock-skew") { $0.set("created", .integer(1_700_000_000)) },
        .init("another method", 405, "method-not-allowed") { $0.method = "PUT" },
        .init("a path below", 404, "not-found") { $0.target = "/v1/status/" },
        .init("a body", 400, "malformed-request") {
            $0.body = Array("x".utf8)
            $0.contentLength = "1"
        },
        .init("another digest than that of nothing", 422, "digest-mismatch") {
            $0.contentDigest = ContentDigest.fieldValue(SHA256.digest(of: Array("x".utf8)))
        },
    ]

    @Test("is not told to a request with", arguments: refused)
    func refuses(case test: RefusalTests.Case) async throws {
        try await RunningReceiver.run { receiver in
            var question = receiver.question()
            test.change(&question)
            let answer = try await receiver.answer(to: question)
            #expect(answer.status == test.status, "\(answer.text)")
            #expect(answer.code == test.code, "\(answer.text)")
            if test.status == 405 { #expect(answer.fields["allow"] == "GET, HEAD") }
        }
    }
}

extension RunningReceiver {
    /// A signed `GET /v1/status`; a test changes one part of it.
    fileprivate func question() -> UploadRequest {
        var request = request(body: [])
        request.method = "GET"
        request.target = MessagePath.status
        request.contentLength = nil
        return request
    }
}
