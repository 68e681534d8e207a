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
