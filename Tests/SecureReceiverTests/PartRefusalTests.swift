import Foundation
import MessageSignatures
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("A request about an upload in parts is refused")
struct PartRefusalTests {
    static let body = Array("the whole file".utf8)

    struct Test: CustomTestStringConvertible, Sendable {
        let name: String
        let status: Int
        let code: String
        let change: @Sendable (inout UploadRequest) -> Void
        var testDescription: String { name }

        init(_ name: String, _ status: Int, _ code: String, _ change: @escaping @Sendable (inout UploadRequest) -> Void)
        {
            self.name = name
            self.status = status
            self.code = code
            self.change = change
        }
    }

    static let announcements: [Test] = [
        Test("without Upload-Complete", 400, "malformed-request") { $0.replace("Upload-Complete", nil) },
        Test("with Upload-Complete: ?1", 400, "malformed-request") { $0.replace("Upload-Complete", "?1") },
        Test("with an Upload-Complete that is no boolean", 400, "malformed-request") {
            $0.replace("Upload-Complete", "0")
        },
        Test("without Upload-Length", 411, "length-required") { $0.replace("Upload-Length", nil) },
        Test("with a negative Upload-Length", 411, "length-required") { $0.replace("Upload-Length", "-1") },
        Test("with two lengths", 411, "length-required") { $0.replace("Upload-Length", "14, 14") },
        Test("with a length that is no number", 411, "length-required") { $0.replace("Upload-Length", "\"14\"") },
        Test("with a length of sixteen digits", 411, "length-required") {
            $0.replace("Upload-Length", "1000000000000000")
        },
        Test("without Repr-Digest", 400, "malformed-request") { $0.replace("Repr-Digest", nil) },
        Test("with a Repr-Digest of another algorithm", 400, "malformed-request") {
            $0.replace("Repr-Digest", "sha-512=:\(String(repeating: "A", count: 86))==:")
        },
        Test("whose signature does not cover Repr-Digest", 401, "authentication-failed") { request in
            request.components.removeAll { $0.name == "repr-digest" }
        },
        Test("whose signature does not cover Upload-Length", 401, "authentication-failed") { request in
            request.components.removeAll { $0.name == "upload-length" }
        },
        Test("with a body", 400, "malformed-request") {
            $0.body = body
            $0.contentLength = "14"
            $0.contentDigest = ContentDigest.fieldValue(SHA256.digest(of: body))
        },
        Test("with a digest of a body that it lacks", 422, "digest-mismatch") {
            $0.contentDigest = ContentDigest.fieldValue(SHA256.digest(of: body))
        },
        Test("of a file that is too large", 413, "too-large") { $0.replace("Upload-Length", "1000001") },
        Test("of more than there is room for", 507, "insufficient-storage") {
            $0.target = "/v1/files/huge"
            $0.replace("Upload-Length", "999999999999999")
        },
        Test("of a path that cannot be", 400, "invalid-path") { $0.target = "/v1/files/a//b" },
        Test("of a reserved name", 400, "reserved-name") { $0.target = "/v1/files/.hidden" },
        Test("with a content coding", 415, "content-coding") { $0.fields.append(("Content-Encoding", "gzip")) },
        Test("with a broken Last-Modified", 400, "malformed-request") { $0.add("Last-Modified", "yesterday") },
    ]

    @Test("when it is announced", arguments: announcements)
    func announcement(test: Test) async throws {
        let largest: Int64? = test.status == 413 ? 1_000_000 : nil
        try await RunningReceiver.run(largestFile: largest) { receiver in
            var request = UploadRequest.announcing(Self.body, secret: receiver.secret, path: "a")
            test.change(&request)
            let response = try await receiver.answer(to: request)
            #expect(response.status == test.status)
            #expect(response.code == test.code)
            if largest != nil { #expect(response.fields["upload-limit"] == "max-size=1000000") }
            #expect(receiver.partials.isEmpty)
        }
    }

    static let parts: [Test] = [
        Test("with another media type", 415, "media-type") { request in
            request.fields.removeAll { $0.name == "Content-Type" }
            request.fields.append(("Content-Type", "application/octet-stream"))
        },
        Test("without a media type", 415, "media-type") { request in
            request.fields.removeAll { $0.name == "Content-Type" }
        },
        Test("with a content coding", 415, "content-coding") { $0.fields.append(("Content-Encoding", "gzip")) },
        Test("without Upload-Offset", 400, "malformed-request") { $0.replace("Upload-Offset", nil) },
        Test("without Upload-Complete", 400, "malformed-request") { $0.replace("Upload-Complete", nil) },
        Test("that is chunked", 411, "length-required") {
            $0.contentLength = nil
            $0.fields.append(("Transfer-Encoding", "chunked"))
        },
        Test("whose signature does not cover Upload-Offset", 401, "authentication-failed") { request in
            request.components.removeAll { $0.name == "upload-offset" }
        },
        Test("at a later offset", 409, "upload-offset-mismatch") { $0.replace("Upload-Offset", "5") },
        Test("at an earlier offset", 409, "upload-offset-mismatch") { $0.replace("Upload-Offset", "3") },
        Test("that is longer than the rest", 400, "malformed-request") {
            $0.body = Array("whole file and more".utf8)
            $0.contentLength = "\($0.body.count)"
        },
        Test("that says it is the last and is not", 400, "malformed-request") { $0.replace("Upload-Complete", "?1") },
        Test("that is not what was signed", 422, "digest-mismatch") { $0.body[0] ^= 1 },
        Test("of an upload that does not exist", 404, "not-found") {
            $0.target = "/v1/uploads/\(String(repeating: "0", count: 64))"
        },
        Test("of an upload whose name is none", 404, "not-found") { $0.target = "/v1/uploads/../../etc" },
        Test("with another method", 405, "method-not-allowed") { $0.method = "PUT" },
    ]

    @Test("when a part comes, and the upload goes on at the offset before", arguments: parts)
    func part(test: Test) async throws {
        try await RunningReceiver.run { receiver in
            let location = try #require(try await receiver.announce(Self.body, "a").fields["location"])
            let first = try await receiver.answer(to: receiver.part(Self.body[..<4], of: location))
            #expect(first.fields["upload-offset"] == "4")
            var request = receiver.part(Self.body[4..<9], of: location)
            test.change(&request)
            let response = try await receiver.answer(to: request)
            #expect(response.status == test.status)
            #expect(response.code == test.code)
            if test.status == 409 || test.status == 422 { #expect(response.fields["upload-offset"] == "4") }
            if test.status == 405 { #expect(response.fields["allow"] == "HEAD, PATCH, DELETE") }

            #expect(try await receiver.status(of: location).fields["upload-offset"] == "4")
            let last = try await receiver.answer(to: receiver.part(Self.body[4...], of: location, isLast: true))
            #expect(last.status == 201)
            #expect(try receiver.folder.read("received_files/pi-01/a") == Self.body)
        }
    }

    @Test("with a long body that cannot be taken: the connection ends, and nothing behind it is processed")
    func longBody() async throws {
        try await RunningReceiver.run { receiver in
            let body = [UInt8](repeating: 1, count: 300_000)
            let location = try #require(try await receiver.announce(body, "a").fields["location"])
            let late = UploadRequest.part(body, of: location, secret: receiver.secret, offset: 7, isLast: false)
            let (response, rest) = try await receiver.connected { client in
                try client.send(late.head.utf8)
                return (try client.response(), try client.rest())
            }
            #expect(response.code == "upload-offset-mismatch")
            #expect(response.fields["connection"] == "close")
            #expect(rest == "")
        }
    }

    @Test("when another Pi asks: it does not exist for it")
    func isItsPis() async throws {
        try await RunningReceiver.run { receiver in
            let location = try #require(try await receiver.announce(Self.body, "a").fields["location"])
            for method in ["PATCH", "DELETE"] {
                var request =
                    method == "PATCH"
                    ? UploadRequest.part(
                        Self.body, of: location, pi: "pi-02", secret: receiver.secret, offset: 0, isLast: true)
                    : UploadRequest.about(location, method: method, pi: "pi-02", secret: receiver.secret)
                request.method = method
                let response = try await receiver.answer(to: request, as: "pi-02")
                #expect(response.status == 404)
                #expect(response.code == "not-found")
            }
            #expect(try await receiver.status(of: location).status == 204)
        }
    }

    @Test("when the whole is not what was announced: it is dropped, and can be announced again")
    func wholeMismatch() async throws {
        try await RunningReceiver.run { receiver in
            let other = Array("THE WHOLE FILE".utf8)
            let location = try #require(try await receiver.announce(Self.body, "a").fields["location"])
            let response = try await receiver.answer(to: receiver.part(other[...], of: location, isLast: true))
            #expect(response.status == 422)
            #expect(response.code == "digest-mismatch")
            #expect(response.fields["upload-complete"] == "?1")
            #expect(try await receiver.status(of: location).status == 404)
            #expect(receiver.stored.isEmpty)
            #expect(receiver.partials.isEmpty)
            #expect(try await receiver.announce(Self.body, "a").fields["upload-offset"] == "0")
        }
    }

    @Test("when its Pi has brought its share of the day: parts count when they come")
    func quota() async throws {
        var limits = ClientLimits()
        limits.bytesPerDay = 20
        try await RunningReceiver.run(limits: limits) { receiver in
            let location = try #require(try await receiver.announce(Self.body, "a").fields["location"])
            #expect(try await receiver.announce([UInt8](repeating: 0, count: 21), "b").code == "too-large")
            #expect(try await receiver.answer(to: receiver.part(Self.body[..<10], of: location)).status == 204)
            #expect(try await receiver.announce([UInt8](repeating: 0, count: 11), "b").code == "too-many-requests")
            let last = try await receiver.answer(to: receiver.part(Self.body[10...], of: location, isLast: true))
            #expect(last.status == 201)
            let tomorrow = try await receiver.announce([UInt8](repeating: 0, count: 7), "b")
            #expect(tomorrow.code == "too-many-requests")
            #expect(tomorrow.fields["retry-after"] != nil)
            #expect(try await receiver.announce([UInt8](repeating: 0, count: 6), "b").status == 201)
        }
    }

    @Test("when its Pi has brought its share of the day: of what was cut off, what was kept counts")
    func quotaOfCutOff() async throws {
        var limits = ClientLimits()
        limits.bytesPerDay = 20
        try await RunningReceiver.run(limits: limits, resumableAbove: 10) { receiver in
            let location = try #require(try await receiver.announce(Self.body, "a").fields["location"])
            for offset in 0..<5 {
                try await receiver.cut(receiver.part(Self.body[offset...], of: location, isLast: true), after: 1)
                // Its turn comes when the one before has ended.
                #expect(try await receiver.announce(Self.body, "a").fields["upload-offset"] == "\(offset + 1)")
            }
            #expect(try await receiver.announce([UInt8](repeating: 0, count: 16), "b").code == "too-many-requests")
            #expect(try await receiver.announce([UInt8](repeating: 0, count: 15), "b").status == 201)

            // A whole file that is kept as a part, twice; the second time it is longer.
            let whole = receiver.request(path: "c", body: Array("eleven bytes".utf8))
            for count in [3, 5] {
                try await receiver.cut(whole, after: count)
                #expect(
                    try await receiver.announce(whole.body, "c").fields["upload-offset"] == "\(count)")
            }
            #expect(try await receiver.announce([UInt8](repeating: 0, count: 11), "b").code == "too-many-requests")
            #expect(try await receiver.announce([UInt8](repeating: 0, count: 10), "b").status == 201)
            // All of it comes, and what was counted does not count again.
            #expect(try await receiver.answer(to: whole).status == 201)
            #expect(try await receiver.announce([UInt8](repeating: 0, count: 4), "b").code == "too-many-requests")
            #expect(try await receiver.announce([UInt8](repeating: 0, count: 3), "b").status == 201)
        }
    }

    @Test(
        "when its Pi has brought its share of the day: what is not kept does not count, nor a file that is not stored")
    func quotaOfRefused() async throws {
        var limits = ClientLimits()
        limits.bytesPerDay = 30
        limits.filesPerDay = 1
        try await RunningReceiver.run(limits: limits) { receiver in
            let location = try #require(try await receiver.announce(Self.body, "a").fields["location"])
            for _ in 1...3 {
                var bad = receiver.part(Self.body[...], of: location)
                bad.body[0] ^= 1
                #expect(try await receiver.answer(to: bad).code == "digest-mismatch")
                try await receiver.cut(receiver.part(Self.body[...], of: location, isLast: true), after: 0)
            }
            // The whole is not what was announced.
            let other = Array("THE WHOLE FILE".utf8)
            #expect(
                try await receiver.answer(to: receiver.part(other[...], of: location, isLast: true)).status == 422)
            // What it is to replace is in its way: the bytes are kept, and count, the file does not.
            #expect(try await receiver.announce(Self.body, "a").status == 201)
            let folder = receiver.folder("received_files/pi-01/a/b")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let last = receiver.part(Self.body[...], of: location, isLast: true)
            #expect(try await receiver.answer(to: last).code == "path-conflict")
            try FileManager.default.removeItem(atPath: receiver.folder("received_files/pi-01/a"))
            let rest = receiver.part(Self.body[Self.body.endIndex...], of: location, isLast: true)
            #expect(try await receiver.answer(to: rest).status == 201)
            #expect(try await receiver.announce([1], "b").code == "too-many-requests")
        }
    }

    @Test("when a PUT says that it is only a part")
    func putOfPart() async throws {
        try await RunningReceiver.run { receiver in
            var request = receiver.request()
            request.add("Upload-Complete", "?0")
            let refused = try await receiver.answer(to: request)
            #expect(refused.code == "malformed-request")
            request.replace("Upload-Complete", "?1")
            let stored = try await receiver.answer(to: request)
            #expect(stored.status == 201)
        }
    }

    @Test("when a file stands where its path needs a folder")
    func pathConflict() async throws {
        try await RunningReceiver.run { receiver in
            _ = try await receiver.answer(to: receiver.request(path: "a"))
            let response = try await receiver.announce(Self.body, "a/b")
            #expect(response.code == "path-conflict")
            #expect(receiver.partials.isEmpty)
        }
    }
}

extension RunningReceiver {
    /// Sends the head and so many bytes of the body, and closes.
    fileprivate func cut(_ request: UploadRequest, after count: Int) async throws {
        try await connected { client in
            try client.send(Array(request.head.utf8) + request.body.prefix(count))
            try client.closeOutput()
            _ = try client.isClosedByServer()
        }
    }
}
