import Foundation
import MessageSignatures
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("A request is refused and nothing is stored")
struct RefusalTests {
    /// One change to a valid request, and what the receiver says to it.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let status: Int
        let code: String
        let change: @Sendable (inout UploadRequest) -> Void

        init(
            _ description: String, _ status: Int, _ code: String,
            _ change: @escaping @Sendable (inout UploadRequest) -> Void
        ) {
            testDescription = description
            self.status = status
            self.code = code
            self.change = change
        }
    }

    private static let now = Int64(Date().timeIntervalSince1970)

    static let signatures: [Case] = [
        Case("keyid of another Pi", 403, "identity-mismatch") { $0.set("keyid", .string("pi-02")) },
        Case("wrong secret", 401, "authentication-failed") { $0.secret = PiSecret(Array("0123456789abcdef".utf8))! },
        Case("method not covered", 401, "authentication-failed") { $0.components.removeAll { $0 == .method } },
        Case("authority not covered", 401, "authentication-failed") { $0.components.removeAll { $0 == .authority } },
        Case("path not covered", 401, "authentication-failed") { $0.components.removeAll { $0 == .path } },
        Case("digest not covered", 401, "authentication-failed") { $0.components.removeAll { $0 == .contentDigest } },
        Case("no digest at all", 401, "authentication-failed") { $0.contentDigest = "" },
        Case("a component covered twice", 401, "authentication-failed") { $0.components.append(.path) },
        Case("a component with a parameter", 401, "authentication-failed") {
            $0.components.append(CoveredComponent("@method", isFromRequest: true))
        },
        Case("an unknown derived component", 401, "authentication-failed") {
            $0.components.append(CoveredComponent("@query"))
        },
        Case("last-modified present and not covered", 401, "authentication-failed") {
            $0.fields = [("Last-Modified", "Sat, 16 May 2026 10:15:00 GMT")]
        },
        Case("repr-digest present and not covered", 401, "authentication-failed") {
            $0.fields = [("Repr-Digest", $0.contentDigest)]
        },
        Case("an upload field present and not covered", 401, "authentication-failed") {
            $0.fields = [("Upload-Complete", "?1")]
        },
        Case("only md5 in Content-Digest", 400, "malformed-request") {
            $0.contentDigest = "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:"
        },
        Case("a digest that is too short", 400, "malformed-request") { $0.contentDigest = "sha-256=:AAAA:" },
        Case("created too long ago", 401, "clock-skew") { $0.set("created", .integer(now - 301 - 5)) },
        Case("created too far ahead", 401, "clock-skew") { $0.set("created", .integer(now + 301 + 60)) },
        Case("created at the end of time", 401, "clock-skew") { $0.set("created", .integer(999_999_999_999_999)) },
        Case("expired", 401, "clock-skew") { $0.set("expires", .integer(now - 1)) },
        Case("expires that is no number", 400, "malformed-request") { $0.set("expires", .string("soon")) },
        Case("a component that is not in lower case", 401, "authentication-failed") {
            $0.fields = [("X-A", "b")]
            $0.components.append(CoveredComponent("X-A"))
        },
        Case("a component with a name that no field has", 400, "malformed-request") {
            $0.components.append(CoveredComponent("x-a b"))
        },
        Case("no created", 401, "authentication-failed") { $0.set("created", nil) },
        Case("no keyid", 401, "authentication-failed") { $0.set("keyid", nil) },
        Case("another tag", 401, "authentication-failed") { $0.set("tag", .string("secure-download")) },
        Case("no tag", 401, "authentication-failed") { $0.set("tag", nil) },
        Case("another algorithm", 401, "authentication-failed") { $0.set("alg", .string("hmac-sha512")) },
        Case("body other than signed", 422, "digest-mismatch") { $0.body[0] ^= 1 },
        Case("path other than signed", 401, "authentication-failed") { request in
            request = request.tampered { $0.replacingOccurrences(of: "/a.json", with: "/b.json") }
        },
        Case("a signature with bits left over in its last digit", 400, "malformed-request") { request in
            request = request.tampered { head in
                var bytes = Array(head.utf8)
                // Its two lowest bits are none of the 256 that were signed; the next digit differs in them alone.
                let last = bytes.count - "=:\r\n\r\n".utf8.count - 1
                let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
                bytes[last] = digits.firstIndex(of: bytes[last]).map { digits[$0 + 1] } ?? 0
                return String(decoding: bytes, as: UTF8.self)
            }
        },
        Case("two signatures of our tag", 401, "authentication-failed") { request in
            let input = request.parametersText
            request.fields = [("Signature-Input", "other=\(input)"), ("Signature", "other=:AAAA:")]
        },
        Case("no signature", 401, "authentication-failed") { request in
            request = request.tampered { head in
                head.components(separatedBy: "\r\n").filter { !$0.hasPrefix("Signature") }.joined(separator: "\r\n")
            }
        },
        Case("Signature-Input that is no dictionary", 400, "malformed-request") { request in
            request = request.tampered {
                $0.replacingOccurrences(of: "Signature-Input: sig=(", with: "Signature-Input: sig=((")
            }
        },
    ]

    static let paths: [Case] = [
        ("..", 400, "invalid-path"), ("a/../../b", 400, "invalid-path"), ("%2e%2e/b", 400, "invalid-path"),
        ("a%2Fb", 400, "invalid-path"), ("a%00b", 400, "invalid-path"), ("a%0Ab", 400, "invalid-path"),
        ("a%FFb", 400, "invalid-path"), (String(repeating: "x", count: 300), 400, "invalid-path"),
        ("a//b", 400, "invalid-path"), ("", 400, "invalid-path"), ("a%zz", 400, "invalid-path"),
        (Array(repeating: "a", count: 17).joined(separator: "/"), 400, "invalid-path"),
        ("x.sha256", 400, "reserved-name"), (".hidden", 400, "reserved-name"), ("a/.versions/b", 400, "reserved-name"),
        ("a.json?x=1", 400, "malformed-request"),
    ].map { path, status, code in
        Case("path \(path.prefix(40))", status, code) { $0.target = "/v1/files/\(path)" }
    }

    static let resources: [Case] = [
        Case("unknown route", 404, "not-found") { $0.target = "/v1/elsewhere/a" },
        Case("unknown root", 404, "not-found") { $0.target = "/elsewhere" },
        Case("wrong method", 405, "method-not-allowed") { $0.method = "DELETE" },
        Case("Content-Encoding", 415, "content-coding") { $0.fields = [("Content-Encoding", "gzip")] },
        Case("Content-Range", 400, "malformed-request") { $0.fields = [("Content-Range", "bytes 0-4/10")] },
        Case("CONNECT", 400, "malformed-request") { $0.method = "CONNECT" },
        Case("another expectation", 417, "expectation-failed") { $0.fields = [("Expect", "a-miracle")] },
        Case("Last-Modified of another form", 400, "malformed-request") {
            $0.fields = [("Last-Modified", "yesterday")]
            $0.components.append(CoveredComponent("last-modified"))
        },
        Case("no length", 411, "length-required") {
            $0.contentLength = nil
            $0.body = []
            $0.contentDigest = ContentDigest.fieldValue(.ofNothing)
        },
        Case("chunked without length", 411, "length-required") {
            $0.contentLength = nil
            $0.body = Array("5\r\nhello\r\n0\r\n\r\n".utf8)
            $0.fields = [("Transfer-Encoding", "chunked")]
        },
        Case("two Hosts", 400, "malformed-request") { $0.fields = [("Host", "elsewhere")] },
        Case("Content-Length and chunked", 400, "malformed-request") { $0.fields = [("Transfer-Encoding", "chunked")] },
    ]

    @Test("with its status and code", arguments: signatures + paths + resources)
    func refuses(case test: Case) async throws {
        try await RunningReceiver.run { receiver in
            var request = receiver.request()
            test.change(&request)
            let response = try await receiver.answer(to: request)
            #expect(response.status == test.status, "\(response.text)")
            #expect(response.code == test.code, "\(response.text)")
            #expect(response.fields["content-type"] == "application/problem+json")
            if test.status == 401 {
                #expect(response.fields["www-authenticate"] != nil)
                #expect(response.fields["accept-signature"]?.contains("keyid=\"pi-01\"") == true)
            }
            if test.status == 405 { #expect(response.fields["allow"] == "PUT, POST") }
            #expect(receiver.stored.isEmpty)
        }
    }

    @Test("whose line was taken out of ids.txt a moment ago, without a restart; put back, it is accepted")
    func followsIdentifiers() async throws {
        try await RunningReceiver.run { receiver in
            let lines = try receiver.folder.read("ids.txt")
            #expect(try await receiver.answer(to: receiver.request(path: "1")).status == 201)
            try receiver.folder.write(
                lines.split(separator: UInt8(ascii: "\n"))[1] + [UInt8(ascii: "\n")], to: "ids.txt")
            let refused = try await receiver.answer(to: receiver.request(path: "2"))
            #expect(refused.code == "authentication-failed")
            #expect(try await receiver.answer(to: receiver.request(pi: "pi-02", path: "2"), as: "pi-02").status == 201)
            try receiver.folder.write(lines, to: "ids.txt")
            #expect(try await receiver.answer(to: receiver.request(path: "2")).status == 201)
        }
    }

    @Test("whose line was taken out together with a typo in another line")
    func followsRemovals() async throws {
        try await RunningReceiver.run { receiver in
            let digits = receiver.secret.key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            let other = "0123456789abcdef"
            try receiver.folder.write(Array("\(digits) pi-01\n\(other) pi-02\n".utf8), to: "ids.txt")
            #expect(try await receiver.answer(to: receiver.request(path: "1")).status == 201)
            try receiver.folder.write(
                Array("# revoked 2026-11-22: \(digits) pi-01\n\(other) pi 02\n".utf8), to: "ids.txt")
            let refused = try await receiver.answer(to: receiver.request(path: "2"))
            #expect(refused.code == "authentication-failed")
            var kept = receiver.request(pi: "pi-02", path: "2")
            kept.secret = try #require(PiSecret(Array(other.utf8)))
            #expect(try await receiver.answer(to: kept, as: "pi-02").status == 201)
            #expect(receiver.log.lines.contains { $0.hasPrefix("error identifiers unusable") })
        }
    }

    @Test("where a file stands in place of a folder, and a folder in place of a file")
    func refusesConflicts() async throws {
        try await RunningReceiver.run { receiver in
            #expect(try await receiver.answer(to: receiver.request(path: "a")).status == 201)
            #expect(try await receiver.answer(to: receiver.request(path: "a/b")).code == "path-conflict")
            #expect(try await receiver.answer(to: receiver.request(path: "c/d")).status == 201)
            let refused = try await receiver.answer(to: receiver.request(path: "c"))
            #expect(refused.status == 409)
            #expect(refused.code == "path-conflict")
        }
    }

    @Test("larger than --max-size by its Content-Length alone")
    func refusesLargeFiles() async throws {
        try await RunningReceiver.run(largestFile: 4) { receiver in
            let refused = try await receiver.answer(to: receiver.request(body: Array("12345".utf8)))
            #expect(refused.status == 413)
            #expect(refused.code == "too-large")
            #expect(try await receiver.answer(to: receiver.request(body: Array("1234".utf8))).status == 201)
        }
    }

    @Test("with a long body: the answer arrives although the body is not read, and the connection ends")
    func closesAfterLongBody() async throws {
        try await RunningReceiver.run { receiver in
            var request = receiver.request(body: Array(repeating: 1, count: 8_000_000))
            request.secret = try PiSecret()
            let refused = request
            let (answer, isClosed) = try await receiver.connected { client in
                try client.send(refused.head.utf8)
                try client.send(refused.body.prefix(100_000))
                return (try client.response(), try client.isClosedByServer())
            }
            #expect(answer.status == 401)
            #expect(answer.fields["connection"] == "close")
            #expect(isClosed)
        }
    }
}

extension UploadRequest {
    /// The same request with its head changed behind the signature.
    fileprivate func tampered(_ change: @escaping @Sendable (String) -> String) -> UploadRequest {
        var copy = self
        copy.rewriteHead = change
        return copy
    }
}
