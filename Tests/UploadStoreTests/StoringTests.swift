import Foundation
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@Suite("An upload")
struct StoringTests {
    @Test("gets its name with a receipt beside it that sha256sum accepts")
    func created() async throws {
        let lab = try StoreFixture()
        #expect(try lab.put("one".utf8, "a.json") == .created)
        #expect(try lab.read("pi-01/a.json") == "one")
        #expect(lab.stored == ["pi-01/a.json", "pi-01/a.json.sha256"])
        try await expectSumsAgree(in: "\(lab.root)/pi-01", ["a.json.sha256"])
        let receipt = try #require(ReceiptFile(parsing: Array(lab.read("pi-01/a.json.sha256").utf8), name: "a.json"))
        #expect(receipt.comments.contains { $0.contains(#""result":"created""#) })
    }

    @Test("of another content keeps the earlier one as a version, with its own receipt")
    func replaced() async throws {
        let lab = try StoreFixture()
        try lab.put("one".utf8, "a/b.json")
        let receipt = try lab.read("pi-01/a/b.json.sha256")
        #expect(try lab.put("two".utf8, "a/b.json") == .replaced)
        #expect(try lab.put("three".utf8, "a/b.json") == .replaced)
        #expect(try lab.read("pi-01/a/b.json") == "three")

        let versions = "pi-01/.versions/a/b.json"
        let one = sha256("one".utf8)
        let two = sha256("two".utf8)
        #expect(
            lab.stored
                == ([
                    "\(versions)/\(one)", "\(versions)/\(one).sha256", "\(versions)/\(two)",
                    "\(versions)/\(two).sha256",
                    "pi-01/a/b.json", "pi-01/a/b.json.sha256",
                ].sorted()))
        #expect(try lab.read("\(versions)/\(one)") == "one")
        #expect(try lab.read("\(versions)/\(two)") == "two")
        let comments = { (text: String) in text.split(separator: "\n").filter { $0.hasPrefix("#") } }
        #expect(try comments(lab.read("\(versions)/\(one).sha256")) == comments(receipt))
        try await expectSumsAgree(in: "\(lab.root)/\(versions)", ["\(one).sha256", "\(two).sha256"])
        try await expectSumsAgree(in: "\(lab.root)/pi-01/a", ["b.json.sha256"])
        #expect(lab.notes.isEmpty)
    }

    @Test("of a content that is held, now or as an earlier version, changes nothing")
    func unchanged() throws {
        let lab = try StoreFixture()
        try lab.put("A".utf8, "x")
        #expect(try lab.put("A".utf8, "x") == .unchanged)
        try lab.put("B".utf8, "x")
        let before = try lab.stored.map { try lab.read($0) }
        #expect(try lab.put("A".utf8, "x") == .unchanged)
        #expect(try lab.put("B".utf8, "x") == .unchanged)
        #expect(try lab.read("pi-01/x") == "B")
        #expect(try lab.stored.map { try lab.read($0) } == before)
    }

    @Test("of one name from two Pis is kept for both")
    func twoPis() throws {
        let lab = try StoreFixture()
        #expect(try lab.put("one".utf8, "a", pi: "pi-01") == .created)
        #expect(try lab.put("two".utf8, "a", pi: "pi-02") == .created)
        #expect(try lab.read("pi-01/a") == "one")
        #expect(try lab.read("pi-02/a") == "two")
    }

    @Test("may be empty")
    func empty() async throws {
        let lab = try StoreFixture()
        #expect(try lab.put([], "nothing") == .created)
        #expect(try lab.read("pi-01/nothing").isEmpty)
        #expect(try lab.put([], "nothing") == .unchanged)
        try await expectSumsAgree(in: "\(lab.root)/pi-01", ["nothing.sha256"])
    }

    @Test("keeps the time that it was modified, and gets modes that keep strangers out")
    func timeAndModes() throws {
        let lab = try StoreFixture()
        try lab.put("one".utf8, "folder/a", modified: 1_234_567_890)
        let mask = umask(0o022)
        umask(mask)
        func status(_ name: String) throws -> (mode: Int, modified: Int) {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(lab.root)/\(name)")
            let date = try #require(attributes[.modificationDate] as? Date)
            return (try #require(attributes[.posixPermissions] as? Int), Int(date.timeIntervalSince1970))
        }
        #expect(try status("pi-01/folder/a").modified == 1_234_567_890)
        #expect(try status("pi-01/folder/a").mode == 0o640 & ~Int(mask))
        #expect(try status("pi-01/folder/a.sha256").mode == 0o640 & ~Int(mask))
        #expect(try status("pi-01/folder").mode == 0o750 & ~Int(mask))
        #expect(try status("pi-01").mode == 0o750 & ~Int(mask))
        #expect(try status(".receiver").mode == 0o700)
    }
}
