import Foundation
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@Suite("What the store holds already")
struct HeldContentTests {
    @Test("is judged by its bytes: a damaged file is replaced by a good one and kept under what it is")
    func damaged() async throws {
        let lab = try StoreFixture()
        try lab.put("good".utf8, "a")
        try lab.folder.write(Array("baad".utf8), to: "received_files/pi-01/a")
        #expect(try lab.put("good".utf8, "a") == .replaced)
        #expect(try lab.read("pi-01/a") == "good")
        let damaged = sha256("baad".utf8)
        #expect(try lab.read("pi-01/.versions/a/\(damaged)") == "baad")
        try await expectSumsAgree(in: "\(lab.root)/pi-01/.versions/a", ["\(damaged).sha256"])
        try await expectSumsAgree(in: "\(lab.root)/pi-01", ["a.sha256"])
    }

    @Test("does not count as held if an earlier version is damaged or cut short", arguments: ["baad", "goo", ""])
    func damagedVersion(content: String) throws {
        let lab = try StoreFixture()
        try lab.put("good".utf8, "a")
        try lab.put("newer".utf8, "a")
        let version = "pi-01/.versions/a/\(sha256("good".utf8))"
        try lab.folder.write(Array(content.utf8), to: "received_files/\(version)")
        #expect(try lab.put("good".utf8, "a") == .replaced)
        #expect(try lab.read("pi-01/a") == "good")
        // And the version is mended when its turn comes again.
        #expect(try lab.put("newest".utf8, "a") == .replaced)
        #expect(try lab.read(version) == "good")
    }

    @Test("gets a receipt again if its own was lost or speaks of something else")
    func lostReceipt() async throws {
        let lab = try StoreFixture()
        try lab.put("one".utf8, "a")
        let receipt = try lab.read("pi-01/a.sha256")
        for content in [nil, "", "# nothing", receipt.replacingOccurrences(of: sha256("one".utf8), with: sha256([]))] {
            try FileManager.default.removeItem(atPath: "\(lab.root)/pi-01/a.sha256")
            if let content { try lab.folder.write(Array(content.utf8), to: "received_files/pi-01/a.sha256") }
            #expect(try lab.put("one".utf8, "a") == .unchanged)
            try await expectSumsAgree(in: "\(lab.root)/pi-01", ["a.sha256"])
        }
    }

    /// Of the receipt of `one`, sent by pi-01 as `a`.
    enum Damage: CaseIterable {
        case signature, longerSignature, json, certificate, signedLine, otherPath, otherPi, noReceipt

        func make(_ receipt: String, of path: String, in lab: StoreFixture) throws -> String {
            func replacing(_ text: String, _ other: String) -> String {
                receipt.replacingOccurrences(of: text, with: other)
            }
            // One character of the signature, which stays as long as it was.
            var flipped: String {
                guard let start = receipt.range(of: "# signature :")?.upperBound else { return receipt }
                let other = receipt[start] == "A" ? "B" : "A"
                return receipt.replacingCharacters(in: start...start, with: other)
            }
            // The comments of another's receipt above this one's own line for sha256sum.
            func comments(of other: String) throws -> String {
                let comments = try lab.read(other).split(separator: "\n").dropLast()
                return (comments + [receipt.split(separator: "\n").last ?? ""]).joined(separator: "\n") + "\n"
            }
            return switch self {
            case .signature: flipped
            case .longerSignature: replacing("# signature :", "# signature :AAAA")
            case .json: replacing("\"size\":3", "\"size\":93")
            case .certificate: replacing("# certificate ", "# certificate 00")
            case .signedLine: replacing("localhost", "elsewhere")
            case .otherPath: try comments(of: "pi-01/other.sha256")
            case .otherPi: try comments(of: "pi-02/\(path).sha256")
            case .noReceipt: "\(receipt.split(separator: "\n").last ?? "")\n"
            }
        }
    }

    @Test(
        "gets a good receipt when it is sent again, or only announced, and its own is damaged",
        arguments: Damage.allCases, [false, true])
    func damagedReceipt(damage: Damage, isAnnounced: Bool) throws {
        let lab = try StoreFixture()
        for (content, path, pi) in [
            ("one", "a", "pi-01"), ("one", "other", "pi-01"), ("one", "a", "pi-02"), ("one", "b", "pi-01"),
            ("two", "b", "pi-01"), ("one", "b", "pi-02"),
        ] { try lab.put(content.utf8, path, pi: pi) }
        #expect(try lab.findings() == [])
        for (name, path) in [("a", "a"), (".versions/b/\(sha256("one".utf8))", "b")] {
            let receipt = "pi-01/\(name).sha256"
            let damaged = try damage.make(lab.read(receipt), of: path, in: lab)
            try lab.folder.write(Array(damaged.utf8), to: "received_files/\(receipt)")
            #expect(try lab.findings().count == 1)
            if isAnnounced {
                let file = try UploadStore.announced(Array("one".utf8), path)
                _ = try #require(try lab.store.acknowledge(file) { try signReceipt(for: file, result: $0) })
            } else {
                #expect(try lab.put("one".utf8, path) == .unchanged)
            }
            #expect(try lab.findings() == [])
        }
        #expect(lab.notes.isEmpty)
    }

    @Test("keeps a receipt that is good, and one that cannot be judged because its certificate is not at hand")
    func keptReceipt() throws {
        let lab = try StoreFixture()
        try lab.put("one".utf8, "a")
        let receipt = try lab.read("pi-01/a.sha256")
        for _ in 1...2 {
            #expect(try lab.put("one".utf8, "a") == .unchanged)
            #expect(try lab.read("pi-01/a.sha256") == receipt)
            #expect(try lab.findings() == [])  // which puts the certificate there
        }
    }

    @Test("may have come by hand: it becomes an earlier version without a receipt")
    func byHand() async throws {
        let lab = try StoreFixture()
        try lab.folder.write(Array("by hand".utf8), to: "received_files/pi-01/a")
        #expect(try lab.put("one".utf8, "a") == .replaced)
        let digest = sha256("by hand".utf8)
        #expect(try lab.read("pi-01/.versions/a/\(digest)") == "by hand")
        #expect(try lab.read("pi-01/.versions/a/\(digest).sha256").hasPrefix("# no receipt"))
        try await expectSumsAgree(in: "\(lab.root)/pi-01/.versions/a", ["\(digest).sha256"])
    }

    @Test("is not a receipt alone, as a crash leaves it")
    func orphanReceipt() async throws {
        let lab = try StoreFixture()
        try lab.folder.write(Array("torn".utf8), to: "received_files/pi-01/a.sha256")
        #expect(try lab.put("one".utf8, "a") == .created)
        try await expectSumsAgree(in: "\(lab.root)/pi-01", ["a.sha256"])
    }

    @Test("gets its name back if somebody removed the file and an earlier version is sent again")
    func removedByHand() throws {
        let lab = try StoreFixture()
        try lab.put("one".utf8, "a")
        try lab.put("two".utf8, "a")
        try FileManager.default.removeItem(atPath: "\(lab.root)/pi-01/a")
        #expect(try lab.put("one".utf8, "a") == .created)
        #expect(try lab.read("pi-01/a") == "one")
        #expect(try lab.put("two".utf8, "a") == .replaced)
        #expect(try lab.put("one".utf8, "a") == .unchanged)
    }

    @Test("is found also after somebody removed and made its folder again")
    func folderRemoved() throws {
        let lab = try StoreFixture()
        try lab.put("one".utf8, "folder/deeper/a")
        try FileManager.default.removeItem(atPath: "\(lab.root)/pi-01/folder")
        #expect(try lab.put("one".utf8, "folder/deeper/a") == .created)
        #expect(try lab.read("pi-01/folder/deeper/a") == "one")
    }
}
