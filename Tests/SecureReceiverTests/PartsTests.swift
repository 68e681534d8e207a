import Foundation
import MessageSignatures
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver
@testable import UploadStore

@Suite("An upload in parts")
struct PartsTests {
    static let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    static let path = "large.bin"

    @Test("is announced, comes part by part, and is answered with the receipt of the whole")
    func isStored() async throws {
        try await RunningReceiver.run { receiver in
            let begun = try await receiver.announce(Self.body, Self.path)
            #expect(begun.status == 201)
            #expect(begun.fields["upload-offset"] == "0")
            #expect(begun.fields["upload-complete"] == "?0")
            let lifetime = try #require(begun.fields["upload-limit"]?.split(separator: "="))
            #expect(lifetime.first == "max-age")
            // Seconds may have passed on a busy machine.
            #expect((600_000...604_800).contains(Int(lifetime.last ?? "") ?? 0))
            let location = try #require(begun.fields["location"])

            let first = try await receiver.answer(to: receiver.part(Self.body[..<100_000], of: location))
            #expect(first.status == 204)
            #expect(first.fields["upload-offset"] == "100000")
            #expect(first.fields["upload-complete"] == "?0")
            let second = try await receiver.answer(to: receiver.part(Self.body[100_000..<200_000], of: location))
            #expect(second.fields["upload-offset"] == "200000")
            #expect(receiver.stored.isEmpty)

            let last = receiver.part(Self.body[200_000...], of: location, isLast: true)
            let (response, certificate) = try await receiver.connected { client in
                try client.send(last.bytes)
                return (try client.response(), client.serverCertificate)
            }
            #expect(response.status == 201)
            #expect(response.fields["upload-complete"] == "?1")
            let signed = try SignedReceipt(
                verifying: response.text, signatureInput: response.fields["signature-input"] ?? "",
                signature: response.fields["signature"] ?? "",
                context: .init(
                    status: 201, method: "PATCH", authority: "127.0.0.1", path: location,
                    requestDigest: SHA256.digest(of: last.body)),
                certificate: try #require(certificate))
            #expect(signed.receipt.path == Self.path)
            #expect(signed.receipt.size == Int64(Self.body.count))
            #expect(signed.receipt.sha256 == SHA256.digest(of: Self.body).hex)
            #expect(receiver.stored == ["pi-01/large.bin", "pi-01/large.bin.sha256"])
            #expect(try receiver.folder.read("received_files/pi-01/large.bin") == Self.body)
            let sidecar = ReceiptFile(signed, digest: SHA256.digest(of: Self.body), name: Self.path)
            #expect(try receiver.folder.read("received_files/pi-01/large.bin.sha256") == sidecar.contents)
            #expect(receiver.partials.isEmpty)
        }
    }

    @Test("says how far it got, whoever asks how, and that it is not to be cached")
    func saysHowFar() async throws {
        try await RunningReceiver.run(largestFile: 1_000_000) { receiver in
            let location = try #require(try await receiver.announce(Self.body, Self.path).fields["location"])
            _ = try await receiver.answer(to: receiver.part(Self.body[..<1000], of: location))
            let status = try await receiver.status(of: location)
            #expect(status.status == 204)
            #expect(status.fields["upload-offset"] == "1000")
            #expect(status.fields["upload-length"] == "300000")
            #expect(status.fields["upload-complete"] == "?0")
            #expect(status.fields["upload-limit"]?.hasSuffix(", max-size=1000000") == true)
            #expect(status.fields["cache-control"] == "no-store")
            let again = try await receiver.announce(Self.body, Self.path)
            #expect(again.status == 201)
            #expect(again.fields["upload-offset"] == "1000")
            #expect(again.fields["location"] == location)
        }
    }

    @Test("is known by what it is about, and by no secret")
    func hasItsName() async throws {
        try await RunningReceiver.run { receiver in
            let begun = try await receiver.announce(Self.body, "folder/m%C3%A4rz")
            let path = try UploadPath(segments: ["folder", "märz"])
            let id = UploadID(
                pi: PiName("pi-01")!, path: path, digest: SHA256.digest(of: Self.body), size: Int64(Self.body.count))
            #expect(begun.fields["location"] == "/v1/uploads/\(id)")
        }
    }

    @Test("that is stored already is acknowledged at once, and moves nothing")
    func isAcknowledged() async throws {
        try await RunningReceiver.run { receiver in
            #expect(try await receiver.answer(to: receiver.request(path: "a", body: Self.body)).status == 201)
            let announcement = UploadRequest.announcing(Self.body, secret: receiver.secret, path: "a")
            let (response, certificate) = try await receiver.connected { client in
                try client.send(announcement.bytes)
                return (try client.response(), client.serverCertificate)
            }
            #expect(response.status == 200)
            #expect(response.fields["upload-complete"] == "?1")
            let signed = try SignedReceipt(
                verifying: response.text, signatureInput: response.fields["signature-input"] ?? "",
                signature: response.fields["signature"] ?? "",
                context: .init(
                    status: 200, method: "POST", authority: "127.0.0.1", path: "/v1/files/a", requestDigest: .ofNothing),
                certificate: try #require(certificate))
            #expect(signed.receipt.result == .unchanged)
            #expect(signed.receipt.sha256 == SHA256.digest(of: Self.body).hex)
            #expect(receiver.partials.isEmpty)
        }
    }

    @Test("whose last answer was lost is complete; announced again, it is acknowledged")
    func isComplete() async throws {
        try await RunningReceiver.run { receiver in
            let location = try #require(try await receiver.announce(Self.body, Self.path).fields["location"])
            let last = receiver.part(Self.body[...], of: location, isLast: true)
            #expect(try await receiver.answer(to: last).status == 201)
            let again = try await receiver.answer(to: last)
            #expect(again.status == 409)
            #expect(again.code == "upload-completed")
            let status = try await receiver.status(of: location)
            #expect(status.status == 204)
            #expect(status.fields["upload-complete"] == "?1")
            #expect(status.fields["upload-offset"] == "300000")
            let announced = try await receiver.announce(Self.body, Self.path)
            #expect(announced.status == 200)
            #expect(announced.member("result") == "unchanged")
        }
    }

    @Test("may come whole before it is said to be complete, and may be of no bytes at all")
    func endsEmpty() async throws {
        try await RunningReceiver.run { receiver in
            for (body, path) in [(Self.body, "whole"), ([], "empty")] as [([UInt8], String)] {
                let location = try #require(try await receiver.announce(body, path).fields["location"])
                let all = try await receiver.answer(to: receiver.part(body[...], of: location))
                #expect(all.status == 204)
                #expect(all.fields["upload-offset"] == "\(body.count)")
                let end = try await receiver.answer(
                    to: receiver.part(body[body.endIndex...], of: location, isLast: true))
                #expect(end.status == 201)
                #expect(try receiver.folder.read("received_files/pi-01/\(path)") == body)
            }
        }
    }

    @Test("may be pipelined, with its announcement in front and the question how far it got behind")
    func isPipelined() async throws {
        try await RunningReceiver.run { receiver in
            let file = AnnouncedFile(
                pi: PiName("pi-01")!, path: try UploadPath(segments: [Self.path]), size: Int64(Self.body.count),
                digest: SHA256.digest(of: Self.body), modified: nil)
            let location = MessagePath.upload(file.id)
            let requests =
                [UploadRequest.announcing(Self.body, secret: receiver.secret, path: Self.path)]
                + stride(from: 0, to: 300_000, by: 50_000).map {
                    receiver.part(Self.body[$0..<($0 + 50_000)], of: location, isLast: $0 == 250_000)
                } + [receiver.request(path: "behind")]
            let statuses = try await receiver.connected { client in
                try client.send(requests.flatMap(\.bytes))
                try client.closeOutput()
                return try requests.map { _ in try client.response().status }
            }
            #expect(statuses == [201, 204, 204, 204, 204, 204, 201, 201])
            #expect(try receiver.folder.read("received_files/pi-01/large.bin") == Self.body)
        }
    }

    @Test("can be given up, and begun again")
    func isCancelled() async throws {
        try await RunningReceiver.run { receiver in
            let location = try #require(try await receiver.announce(Self.body, Self.path).fields["location"])
            _ = try await receiver.answer(to: receiver.part(Self.body[..<1000], of: location))
            let cancel = UploadRequest.about(location, method: "DELETE", secret: receiver.secret)
            #expect(try await receiver.answer(to: cancel).status == 204)
            #expect(receiver.partials.isEmpty)
            #expect(try await receiver.answer(to: cancel).status == 404)
            #expect(try await receiver.announce(Self.body, Self.path).fields["upload-offset"] == "0")
        }
    }

    @Test("holds one descriptor while it is under way, of the store's files, however often it was saved")
    func holdsOneDescriptor() async throws {
        try await RunningReceiver.run { receiver in
            let body = [UInt8](repeating: 7, count: 6 << 20)
            let context = try receiver.context(receiver.lab.pi("pi-01"))
            var parts: [UploadRequest] = []
            for name in ["a", "b", "c"] {
                let location = try #require(try await receiver.announce(body, name).fields["location"])
                parts.append(receiver.part(body[...], of: location, isLast: true))
            }
            let requests = parts
            let before = receiver.folder.openDescriptors
            let statuses = try await blocking {
                let clients = try requests.map { request in
                    let client = try RawClient(port: receiver.port, context: context)
                    try client.send(Array(request.head.utf8) + request.body.dropLast())
                    return client
                }
                // Each has been saved on its way once.
                while receiver.noted(atLeast: 4 << 20) < 3 || receiver.folder.openDescriptors > before + 3 {
                    usleep(1000)
                }
                return try zip(clients, requests).map { client, request in
                    try client.send([request.body[0]])
                    return try client.response().status
                }
            }
            #expect(statuses == [201, 201, 201])
        }
    }

    @Test("may wait for 100 (Continue), which comes when it is its turn")
    func continues() async throws {
        try await RunningReceiver.run { receiver in
            let location = try #require(try await receiver.announce(Self.body, Self.path).fields["location"])
            var request = receiver.part(Self.body[...], of: location, isLast: true)
            request.fields.append(("Expect", "100-continue"))
            let waiting = request
            let statuses = try await receiver.connected { client in
                try client.send(waiting.head.utf8)
                let interim = try client.response().status
                try client.send(waiting.body)
                return [interim, try client.response().status]
            }
            #expect(statuses == [100, 201])
        }
    }
}

extension RunningReceiver {
    func announce(_ body: [UInt8], _ path: String) async throws -> RawClient.Response {
        try await answer(to: .announcing(body, secret: secret, path: path))
    }

    func part(_ bytes: ArraySlice<UInt8>, of location: String, isLast: Bool = false) -> UploadRequest {
        .part(Array(bytes), of: location, secret: secret, offset: bytes.startIndex, isLast: isLast)
    }

    func status(of location: String) async throws -> RawClient.Response {
        let request = UploadRequest.about(location, method: "HEAD", secret: secret)
        return try await connected { client in
            try client.send(request.bytes)
            return try client.headers()
        }
    }

    /// How many uploads have at least so many durable bytes.
    func noted(atLeast count: Int64) -> Int {
        partials.count { name in
            guard let bytes = try? folder.read("received_files/.receiver/partials/\(name)") else { return false }
            return PartialNote(parsing: bytes).map { $0.entry.offset >= count } ?? false
        }
    }

    /// Files of uploads that wait for their next part.
    var partials: [String] { folder.files(below: "received_files/.receiver/partials") }
}
