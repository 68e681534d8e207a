import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@Suite("A receipt file")
struct ReceiptFileTests {
    private let receiver: TestLab.Identity
    private let signed: SignedReceipt
    private let digest = SHA256.digest(of: Array("content".utf8))

    init() throws {
        receiver = try TestLab().receiver()
        let path = try UploadPath(segments: ["2026", "a b.json"])
        signed = try SignedReceipt(
            signing: Receipt(
                pi: PiName("pi-01")!, path: path, size: 7, digest: digest, received: 1_785_492_900, result: .created),
            context: ReceiptSignature.Context(
                status: 201, method: "PUT", authority: "lab:3500", path: MessagePath.file(path), requestDigest: digest),
            created: 1_785_492_901, certificate: receiver.certificate.fingerprint, key: receiver.key)
    }

    private func verified(_ contents: [UInt8], by certificate: Certificate? = nil) -> SignedReceipt? {
        guard let file = ReceiptFile(parsing: contents), let unverified = UnverifiedReceipt(file) else { return nil }
        return try? SignedReceipt(verifying: unverified, certificate: certificate ?? receiver.certificate)
    }

    @Test(
        "says who signed and what, for every name that a file can have",
        arguments: ["a b.json", "back\\slash", "\\", "\u{301}x", "#", "  ./", "e\u{301}\\\\n"])
    func readsBack(name: String) throws {
        let contents = ReceiptFile(signed, digest: digest, name: name).contents
        let file = try #require(ReceiptFile(parsing: contents))
        #expect(file.name.utf8.elementsEqual(name.utf8))
        #expect(file.digest == digest)
        #expect(UnverifiedReceipt(file)?.certificate == receiver.certificate.fingerprint)
        #expect(UnverifiedReceipt(file)?.statement == signed.receipt)
        #expect(verified(contents) == signed)
        #expect(ReceiptFile(parsing: contents, name: "other") == nil)
    }

    @Test("of which a bit of any byte was changed states something else, or nothing")
    func flippedBits() throws {
        let contents = ReceiptFile(signed, digest: digest, name: "a b.json").contents
        for index in contents.indices {
            var changed = contents
            changed[index] ^= 1 << (index % 8)
            guard let file = ReceiptFile(parsing: changed), let receipt = verified(changed) else { continue }
            // What is not signed is the line for sha256sum.
            #expect(receipt == signed)
            #expect(file.name != "a b.json" || file.digest != digest, "byte \(index)")
        }
    }

    @Test("verifies with no other certificate")
    func otherCertificate() throws {
        let contents = ReceiptFile(signed, digest: digest, name: "a").contents
        #expect(verified(contents, by: try TestLab().receiver().certificate) == nil)
        let unverified = try #require(ReceiptFile(parsing: contents).flatMap(UnverifiedReceipt.init))
        #expect(throws: ReceiptError.otherCertificate) {
            try SignedReceipt(verifying: unverified, certificate: TestLab().receiver().certificate)
        }
    }

    @Test("of the documentation's example verifies with its certificate")
    func example() throws {
        let page = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("docs/protocol.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let start = try #require(text.range(of: "# secure-upload receipt 1\n")).lowerBound
        let end = try #require(text.range(of: "```\n", range: start..<text.endIndex)).lowerBound
        let certificate = try #require(try Certificate.all(inPEM: Array(text.utf8)).first)
        let receipt = try #require(verified(Array(text[start..<end].utf8), by: certificate))
        #expect(receipt.receipt.path == "2026/station3 garden.json")
    }

    @Test("without a receipt says so")
    func withoutReceipt() throws {
        let file = ReceiptFile(withoutReceiptFor: digest, name: "a")
        #expect(ReceiptFile(parsing: file.contents) == file)
        #expect(file.isWithoutReceipt)
        #expect(UnverifiedReceipt(file) == nil)
        #expect(!ReceiptFile(signed, digest: digest, name: "a").isWithoutReceipt)
    }

    private static let zeros = String(repeating: "0", count: 64)
    static let others = [
        "", "\n", "\(zeros)  x\n", "\(zeros) *./x\n", "\(zeros)  ./x", "# only a comment\n", "# x\n\n\(zeros)  ./x\n",
        "\(zeros)  ./x\n\(zeros)  ./x\n", "\\\(zeros)  ./x\n",
    ]

    @Test("of another kind is none", arguments: others)
    func otherKind(text: String) {
        #expect(ReceiptFile(parsing: Array(text.utf8)) == nil)
    }
}
