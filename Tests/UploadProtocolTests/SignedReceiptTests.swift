import MessageSignatures
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

/// A receipt of an honest receiver; a test changes one part of what the sender sees.
private struct Fixture {
    let receiver: TestLab.Identity
    let signed: SignedReceipt
    var context: ReceiptSignature.Context

    init() throws {
        let lab = try TestLab()
        receiver = try lab.receiver()
        let digest = SHA256.digest(of: Array("content".utf8))
        context = ReceiptSignature.Context(
            status: 201, method: "PUT", authority: "127.0.0.1:3500", path: "/v1/files/a%20b.json", requestDigest: digest
        )
        let receipt = Receipt(
            pi: PiName("pi-01")!, path: try UploadPath(segments: ["a b.json"]), size: 7, digest: digest,
            received: 1_785_492_900, result: .created)
        signed = try SignedReceipt(
            signing: receipt, context: context, created: 1_785_492_901, certificate: receiver.certificate.fingerprint,
            key: receiver.key)
    }

    func verify(
        json: String? = nil, input: String? = nil, signature: String? = nil, context: ReceiptSignature.Context? = nil,
        certificate: Certificate? = nil
    ) throws(ReceiptError) -> SignedReceipt {
        try SignedReceipt(
            verifying: json ?? signed.json, signatureInput: input ?? signed.signatureInputField,
            signature: signature ?? signed.signatureField, context: context ?? self.context,
            certificate: certificate ?? receiver.certificate)
    }
}

@Suite("A receipt")
struct SignedReceiptTests {
    @Test("verifies as it was signed, and says what it said")
    func verifies() throws {
        let fixture = try Fixture()
        let verified = try fixture.verify()
        #expect(verified == fixture.signed)
        #expect(verified.receipt.received == "2026-07-31T10:15:00Z")
        #expect(verified.parameters.created == 1_785_492_901)
        #expect(
            verified.json.hasPrefix(
                #"{"path":"a b.json","pi":"pi-01","received":"2026-07-31T10:15:00Z","result":"created","sha256":""#))
    }

    @Test("is refused for another status, method, authority, path or body")
    func otherContext() throws {
        let fixture = try Fixture()
        let changes: [(inout ReceiptSignature.Context) -> Void] = [
            { $0.status = 200 }, { $0.method = "POST" }, { $0.authority = "127.0.0.1:3501" },
            { $0.path = "/v1/files/a%20c.json" }, { $0.requestDigest = .ofNothing },
        ]
        for change in changes {
            var context = fixture.context
            change(&context)
            #expect(throws: ReceiptError.invalidSignature) { try fixture.verify(context: context) }
        }
    }

    @Test("is refused when a byte of its JSON or of its signature is another")
    func tampered() throws {
        let fixture = try Fixture()
        #expect(throws: ReceiptError.invalidSignature) { try fixture.verify(json: fixture.signed.json + " ") }
        #expect(throws: ReceiptError.invalidSignature) {
            try fixture.verify(json: fixture.signed.json.replacing("\"size\":7", with: "\"size\":8"))
        }
        for index in fixture.signed.signature.indices {
            var forged = fixture.signed.signature
            forged[index] ^= 0x10
            #expect(throws: ReceiptError.invalidSignature) {
                try fixture.verify(signature: "receipt=\(ByteSequence.serialize(forged))")
            }
        }
    }

    @Test("is refused under another certificate, even one of the same authority")
    func otherCertificate() throws {
        let fixture = try Fixture()
        let lab = try TestLab()
        let other = try lab.receiver()
        #expect(throws: ReceiptError.otherCertificate) { try fixture.verify(certificate: other.certificate) }
        // Its own fingerprint named, but signed by another key.
        let forged = try SignedReceipt(
            signing: fixture.signed.receipt, context: fixture.context, created: 1_785_492_901,
            certificate: fixture.receiver.certificate.fingerprint, key: other.key)
        #expect(throws: ReceiptError.invalidSignature) { try fixture.verify(signature: forged.signatureField) }
    }

    @Test("is refused when it does not cover every component, in the protocol's one form")
    func signatureInput() throws {
        let fixture = try Fixture()
        let input = fixture.signed.signatureInputField
        for component in ReceiptSignature.components {
            let without = input.replacing("\(component.identifier) ", with: "").replacing(
                " \(component.identifier))", with: ")")
            #expect(without != input)
            #expect(throws: ReceiptError.signatureInput) { try fixture.verify(input: without) }
        }
        let others = [
            "", input + " ", " " + input, input + ";nonce=\"1\"", input.replacing("receipt=", with: "other="),
            input.replacing("created=1785492901", with: "created=01785492901"),
            input.replacing("created=1785492901", with: "created=+1785492901"),
            input.replacing("created=1785492901;", with: ""), input.replacing("ecdsa-p256-sha256", with: "hmac-sha256"),
            input.replacing("secure-receipt", with: "secure-upload"), input + ", " + input,
            // Equal to `;` for Swift's string comparison.
            input.replacing(";created", with: "\u{37e}created"),
        ]
        for other in others {
            #expect(throws: ReceiptError.signatureInput) { try fixture.verify(input: other) }
        }
    }

    @Test(
        "is refused when its signature is not one byte sequence under its label",
        arguments: [
            "", "receipt=", "receipt=::", "other=:AAAA:", "receipt=:AAAA:, receipt=:AAAA:", "receipt=AAAA",
            "receipt=:AA AA:",
        ])
    func signatureField(text: String) throws {
        let fixture = try Fixture()
        // An empty sequence is one, and no signature.
        let error: ReceiptError = text == "receipt=::" ? .invalidSignature : .signatureField
        #expect(throws: error) { try fixture.verify(signature: text) }
    }

    @Test(
        "is refused when what was signed is no receipt",
        arguments: [
            "", "{}", "[]", "null", #"{"pi":"pi-01"}"#,
            #"{"pi":1,"path":"a","size":7,"sha256":"","received":"","result":"created"}"#,
        ])
    func notAReceipt(json: String) throws {
        let fixture = try Fixture()
        let base = ReceiptSignature.base(fixture.signed.parameters, json: json, context: fixture.context)
        let signature = ByteSequence.serialize(try fixture.receiver.key.signature(for: base.bytes))
        #expect(throws: ReceiptError.notAReceipt) { try fixture.verify(json: json, signature: "receipt=\(signature)") }
    }

    @Test("goes into a file that sha256sum accepts, and comes back from it")
    func receiptFile() async throws {
        let fixture = try Fixture()
        let folder = try TemporaryFolder()
        let digest = SHA256.digest(of: Array("content".utf8))
        for name in ["a b.json", "back\\slash", "accent\\\u{301}", "ümlaut", "*", "-"] {
            let file = ReceiptFile(fixture.signed, digest: digest, name: name)
            try folder.write(Array("content".utf8), to: name)
            try folder.write(file.contents, to: name + ".sha256")
            let checked = try await Program.run(
                "/usr/bin/sha256sum", ["--strict", "-c", "--", name + ".sha256"], in: folder.path)
            #expect(checked.exitCode == 0, "\(name): \(checked.errors)")
            #expect(ReceiptFile(parsing: file.contents, name: name) == file)
            #expect(ReceiptFile.digest(in: file.contents) == digest)
            let renamed = try #require(ReceiptFile(parsing: file.renamed(to: "other").contents, name: "other"))
            #expect(renamed.comments == file.comments)
        }
    }

    @Test("file is not read back under another name, or changed anywhere in its last line")
    func receiptFileRefusals() throws {
        let fixture = try Fixture()
        let contents = ReceiptFile(fixture.signed, digest: SHA256.digest(of: []), name: "a").contents
        #expect(ReceiptFile(parsing: contents, name: "b") == nil)
        #expect(ReceiptFile(parsing: [], name: "a") == nil)
        #expect(ReceiptFile(parsing: Array(contents.dropLast()), name: "a") == nil)
        #expect(ReceiptFile(parsing: contents + [0xff], name: "a") == nil)
        #expect(ReceiptFile(parsing: contents + Array("more\n".utf8), name: "a") == nil)
        #expect(
            ReceiptFile(
                parsing: Array(String(decoding: contents, as: UTF8.self).replacing("  ./", with: " ./").utf8), name: "a"
            ) == nil)
    }
}
