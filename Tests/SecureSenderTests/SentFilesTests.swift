import Files
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

func moved(_ name: String) -> MoveOutcome { .moved(as: name) }

@Suite("Moving sent files")
struct SentFilesTests {
    @Test("keeps paths, puts each receipt beside its file, and leaves emptied folders")
    func moves() async throws {
        let fixture = try SentFixture()
        for name in ["a", "sub/b", "sub/deep/c"] { try fixture.write("of \(name)", to: "data/\(name)") }
        let batch = try ["a", "sub/b", "sub/deep/c"].map { try fixture.acknowledge($0) }
        #expect(fixture.sentFiles.move(batch) == [moved("a"), moved("sub/b"), moved("sub/deep/c")])
        #expect(fixture.folder.files(below: "data") == [])
        #expect(FileManager.default.fileExists(atPath: fixture.folder("data/sub/deep")))
        #expect(
            fixture.folder.files(below: "sent") == [
                "a", "a.sha256", "sub/b", "sub/b.sha256", "sub/deep/c", "sub/deep/c.sha256",
            ])
        #expect(try fixture.text("sent/sub/deep/c") == "of sub/deep/c")
        #expect(try await fixture.check("sub/deep/c.sha256"))
    }

    @Test("keeps both where the name is taken, and the receipt says the new name")
    func nameTaken() async throws {
        let fixture = try SentFixture()
        for (round, name) in ["reading.json", "reading~2.json", "reading~3.json"].enumerated() {
            try fixture.write("round \(round)", to: "data/reading.json")
            #expect(try fixture.sentFiles.move([fixture.acknowledge("reading.json")]) == [moved(name)])
        }
        for (round, name) in ["reading.json", "reading~2.json", "reading~3.json"].enumerated() {
            #expect(try fixture.text("sent/\(name)") == "round \(round)")
            #expect(try await fixture.check("\(name).sha256"))
        }
    }

    @Test("never gives two files of a batch one name")
    func namesWithinBatch() throws {
        let fixture = try SentFixture()
        try fixture.write("", to: "sent/a")
        for name in ["a", "a~2"] { try fixture.write("of \(name)", to: "data/\(name)") }
        let batch = try ["a", "a~2"].map { try fixture.acknowledge($0) }
        #expect(fixture.sentFiles.move(batch) == [moved("a~2"), moved("a~2~2")])
        #expect(try fixture.text("sent/a~2") == "of a")
        #expect(try fixture.text("sent/a~2~2") == "of a~2")
    }

    @Test("takes the place of its own receipt that a loss of power left without the file")
    func orphanedReceipt() async throws {
        let fixture = try SentFixture()
        try fixture.write("content", to: "data/a")
        let acknowledged = try fixture.acknowledge("a")
        let receipt = ReceiptFile(acknowledged.receipt, digest: acknowledged.file.digest, name: "a")
        try fixture.folder.write(receipt.contents, to: "sent/a.sha256")
        #expect(fixture.sentFiles.move([acknowledged]) == [moved("a")])
        #expect(try await fixture.check("a.sha256"))
        #expect(fixture.folder.files(below: "sent") == ["a", "a.sha256"])
    }

    @Test("leaves a receipt of other content whose file somebody has removed")
    func receiptKept() throws {
        let fixture = try SentFixture()
        try fixture.write("first", to: "data/a")
        #expect(try fixture.sentFiles.move([fixture.acknowledge("a")]) == [moved("a")])
        unlink(fixture.folder("sent/a"))
        let proof = try fixture.text("sent/a.sha256")
        try fixture.write("second", to: "data/a")
        #expect(try fixture.sentFiles.move([fixture.acknowledge("a")]) == [moved("a~2")])
        #expect(try fixture.text("sent/a.sha256") == proof)
    }

    @Test("leaves, and does not read, a file with the name of its receipt that is larger than any receipt")
    func hugeReceipt() throws {
        let fixture = try SentFixture()
        try fixture.write("content", to: "data/a")
        let acknowledged = try fixture.acknowledge("a")
        let receipt = ReceiptFile(acknowledged.receipt, digest: acknowledged.file.digest, name: "a")
        try fixture.folder.write(receipt.contents, to: "sent/a.sha256")
        truncate(fixture.folder("sent/a.sha256"), 1 << 20)
        #expect(fixture.sentFiles.move([acknowledged]) == [moved("a~2")])
        #expect(try fixture.folder.read("sent/a.sha256").count == 1 << 20)
    }

    @Test("keeps the longest name that can be sent, also where it is taken")
    func longestName() throws {
        let fixture = try SentFixture()
        let name = String(repeating: "n", count: UploadPath.mostSegmentBytes)
        for expected in [name, name + "~2"] {
            try fixture.write("content", to: "data/\(name)")
            #expect(try fixture.sentFiles.move([fixture.acknowledge(name)]) == [moved(expected)])
        }
        #expect(fixture.folder.files(below: "sent").count == 4)
    }

    @Test("tells names apart by their bytes, where they are spellings of the same letters")
    func spellings() throws {
        let fixture = try SentFixture()
        let names = ["m\u{e4}rz", "ma\u{308}rz", "m\u{e4}\u{323}/a", "ma\u{323}\u{308}/a"]
        for name in names { try fixture.write("content", to: "data/\(name)") }
        let outcomes = fixture.sentFiles.move(try names.map { try fixture.acknowledge($0) })
        for (outcome, name) in zip(outcomes, names) {
            guard case .moved(let path) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
            #expect(Array(path.utf8) == Array(name.utf8))
        }
    }

    @Test("puts bytes that were never sent back beside the file that has their name by now")
    func putBack() throws {
        let fixture = try SentFixture()
        try fixture.write("never sent", to: "sent/a.json")
        for name in ["a.json", "a~2.json"] { try fixture.write("newer", to: "data/\(name)") }
        try fixture.sentFiles.putBack("a.json", of: fixture.root, to: fixture.source, as: "a.json")
        #expect(fixture.folder.files(below: "sent") == [])
        #expect(try fixture.text("data/a~3.json") == "never sent")
        #expect(try fixture.text("data/a.json") == "newer")
    }

    @Test("never overwrites where the file system knows no flags of rename")
    func moveByLink() throws {
        let fixture = try SentFixture()
        try fixture.write("mine", to: "data/a")
        try fixture.write("other", to: "sent/a")
        #expect(throws: SystemCallError.self) { try fixture.source.moveByLink("a", to: fixture.root, as: "a") }
        #expect(try fixture.text("data/a") == "mine")
        #expect(try fixture.text("sent/a") == "other")
        try fixture.source.moveByLink("a", to: fixture.root, as: "a~2")
        #expect(try fixture.text("sent/a~2") == "mine")
        #expect(fixture.folder.files(below: "data") == [])
    }

    @Test("leaves a file that was written to, replaced or removed since it was sent, and moves the others")
    func changed() throws {
        let fixture = try SentFixture()
        let names = ["appended", "replaced", "removed", "link", "untouched"]
        for name in names { try fixture.write("content", to: "data/\(name)") }
        let batch = try names.map { try fixture.acknowledge($0) }
        let handle = try #require(FileHandle(forWritingAtPath: fixture.folder("data/appended")))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("!".utf8))
        try handle.close()
        try fixture.write("content", to: "data/new")
        rename(fixture.folder("data/new"), fixture.folder("data/replaced"))
        unlink(fixture.folder("data/removed"))
        unlink(fixture.folder("data/link"))
        symlink("untouched", fixture.folder("data/link"))
        #expect(fixture.sentFiles.move(batch) == [.changed, .changed, .changed, .changed, moved("untouched")])
        #expect(fixture.folder.files(below: "sent") == ["untouched", "untouched.sha256"])
        #expect(try fixture.text("data/appended") == "content!")
    }

    @Test("fails for a file whose folder is a file there, or a link, and moves the others")
    func obstacles() throws {
        let fixture = try SentFixture()
        for name in ["sub/a", "linked/b", "c"] { try fixture.write("content", to: "data/\(name)") }
        try fixture.write("a file", to: "sent/sub")
        let elsewhere = try TemporaryFolder()
        symlink(elsewhere.path, fixture.folder("sent/linked"))
        let outcomes = fixture.sentFiles.move(try ["sub/a", "linked/b", "c"].map { try fixture.acknowledge($0) })
        for outcome in outcomes.prefix(2) {
            guard case .failed(let error) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
            #expect([ENOTDIR, ELOOP].contains(error.code))
        }
        #expect(outcomes[2] == moved("c"))
        #expect(elsewhere.files() == [])
        #expect(fixture.folder.files(below: "data") == ["linked/b", "sub/a"])
    }

    @Test(
        "names the next copy before its last extension",
        arguments: [
            ("a.json", 1, "a.json"), ("a.json", 2, "a~2.json"), ("a.tar.gz", 3, "a.tar~3.gz"), ("noext", 2, "noext~2"),
            ("a.", 2, "a~2."), ("a.\u{301}b", 2, "a~2.\u{301}b"),
        ])
    func names(name: String, attempt: Int, expected: String) {
        #expect(Array(sentName(name, attempt: attempt).utf8) == Array(expected.utf8))
    }
}
