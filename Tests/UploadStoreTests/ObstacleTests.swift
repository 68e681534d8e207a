import Foundation
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@Suite("What stands in an upload's way")
struct ObstacleTests {
    static let ways = [true, false]

    @Test("is refused before a byte is taken: a file for a folder, a folder for a file", arguments: ways)
    func fileAgainstFolder(openBeneath: Bool) throws {
        let lab = try StoreFixture(features: SystemFeatures(unnamedFiles: true, openBeneath: openBeneath))
        try lab.put("one".utf8, "a/b")
        expectConflict(.folder, at: "\(lab.root)/pi-01/a/b") { try lab.put("two".utf8, "a/b/c") }
        expectConflict(.folder, at: "\(lab.root)/pi-01/a/b") { try lab.put("two".utf8, "a/b/c/d") }
        expectConflict(.file, at: "\(lab.root)/pi-01/a") { try lab.put("two".utf8, "a") }
        #expect(lab.stored == ["pi-01/a/b", "pi-01/a/b.sha256"])
        #expect(lab.store.reservedSpace == 0)
    }

    @Test("is refused at the commit too, if it came meanwhile")
    func obstacleComesLater() throws {
        let lab = try StoreFixture()
        let below = try lab.store.receive("below".utf8, "a/b")
        let file = try lab.store.receive("file".utf8, "a")
        try lab.store.commit(below)
        expectConflict(.file, at: "\(lab.root)/pi-01/a") { try lab.store.commit(file) }
        #expect(try lab.read("pi-01/a/b") == "below")
    }

    @Test("is never followed if it is a link", arguments: ways)
    func links(openBeneath: Bool) throws {
        let lab = try StoreFixture(features: SystemFeatures(unnamedFiles: true, openBeneath: openBeneath))
        let outside = lab.folder("outside")
        try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: false)
        try lab.folder.write(Array("secret".utf8), to: "outside/file")
        try lab.put("one".utf8, "here")
        try FileManager.default.createSymbolicLink(atPath: "\(lab.root)/pi-01/folder", withDestinationPath: outside)
        try FileManager.default.createSymbolicLink(
            atPath: "\(lab.root)/pi-01/file", withDestinationPath: "\(outside)/file")
        try FileManager.default.createSymbolicLink(atPath: "\(lab.root)/pi-01/lost", withDestinationPath: "nowhere")
        try FileManager.default.createSymbolicLink(atPath: "\(lab.root)/pi-02", withDestinationPath: outside)

        expectConflict(.folder, at: "\(lab.root)/pi-01/folder") { try lab.put("two".utf8, "folder/a") }
        expectConflict(.folder, at: "\(lab.root)/pi-01/folder") { try lab.put("two".utf8, "folder/deeper/a") }
        expectConflict(.file, at: "\(lab.root)/pi-01/file") { try lab.put("two".utf8, "file") }
        expectConflict(.file, at: "\(lab.root)/pi-01/lost") { try lab.put("two".utf8, "lost") }
        expectConflict(.folder, at: "\(lab.root)/pi-02") { try lab.put("two".utf8, "a", pi: "pi-02") }
        #expect(lab.folder.files(below: "outside") == ["file"])
        #expect(try lab.folder.read("outside/file") == Array("secret".utf8))
    }

    @Test("is refused if it is no regular file, without opening it")
    func fifo() throws {
        let lab = try StoreFixture()
        try lab.put("one".utf8, "here")
        #expect(mkfifo("\(lab.root)/pi-01/pipe", 0o600) == 0)
        expectConflict(.file, at: "\(lab.root)/pi-01/pipe") { try lab.put("two".utf8, "pipe") }
        expectConflict(.folder, at: "\(lab.root)/pi-01/pipe") { try lab.put("two".utf8, "pipe/a") }
    }

    @Test("may be a folder where the receipt belongs")
    func folderForReceipt() throws {
        let lab = try StoreFixture()
        try FileManager.default.createDirectory(atPath: "\(lab.root)/pi-01/a.sha256", withIntermediateDirectories: true)
        expectConflict(.file, at: "\(lab.root)/pi-01/a.sha256") { try lab.put("one".utf8, "a") }
        #expect(lab.stored.isEmpty)
        try lab.folder.write(Array("by hand".utf8), to: "received_files/pi-01/a")
        expectConflict(.file, at: "\(lab.root)/pi-01/a.sha256") { try lab.put("one".utf8, "a") }
        expectConflict(.file, at: "\(lab.root)/pi-01/a.sha256") { try lab.put("by hand".utf8, "a") }
        #expect(try lab.read("pi-01/a") == "by hand")
        #expect(lab.notes.isEmpty)
    }

    @Test("may be a file of the old system that has the Pi's name; all of them are left alone")
    func oldFiles() throws {
        let lab = try StoreFixture()
        try lab.folder.write(Array("old".utf8), to: "received_files/pi-01")
        try lab.folder.write(Array("old".utf8), to: "received_files/0123456789abcdef_a.json")
        expectConflict(.folder, at: "\(lab.root)/pi-01") { try lab.put("one".utf8, "a") }
        #expect(try lab.put("one".utf8, "a", pi: "pi-02") == .created)
        #expect(try lab.read("pi-01") == "old")
        #expect(try lab.read("0123456789abcdef_a.json") == "old")
        let conflict = PathConflict(path: "received_files/pi-01", wanted: .folder)
        #expect(
            StoreError.pathConflict(conflict).description
                == "received_files/pi-01 is not a folder; move it away, or send under another name")
    }

    private func expectConflict(
        _ wanted: PathConflict.Wanted, at path: String, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () throws -> Void
    ) {
        #expect(
            throws: StoreError.pathConflict(PathConflict(path: path, wanted: wanted)), sourceLocation: sourceLocation
        ) {
            try body()
        }
    }
}
