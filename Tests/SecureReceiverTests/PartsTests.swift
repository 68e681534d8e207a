import Foundation
import MessageSignatures
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

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
            #expect(begun.fields["upload-limit"] == "max-age=604800")
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

    /// Files of uploads that wait for their next part.
    var partials: [String] { folder.files(below: "received_files/.receiver/partials") }
}
