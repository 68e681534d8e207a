import Files
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@Suite("Opening a store")
struct OpeningTests {
    @Test("is for one receiver at a time")
    func exclusive() throws {
        let folder = try TemporaryFolder()
        let root = folder("received_files")
        do {
            let lab = try StoreFixture(in: folder)
            #expect(throws: StoreError.inUse(root)) { try UploadStore(opening: root) }
            try lab.put("one".utf8, "a")
        }
        let store = try UploadStore(opening: root)
        #expect(try store.put("one".utf8, "a") == .unchanged)
    }

    @Test("holds nothing open for writing, so that its disk can be mounted read-only meanwhile")
    func opensForReading() throws {
        let folder = try TemporaryFolder()
        let store = try StoreFixture(in: folder)
        try store.put("one".utf8, "a")
        let held = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }.filter
        {
            let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
            return link?.hasPrefix(folder("received_files")) ?? false
        }
        #expect(!held.isEmpty)
        #expect(held.allSatisfy { fcntl($0, F_GETFL) & O_ACCMODE == O_RDONLY })
        withExtendedLifetime(store) {}
    }

    @Test("needs a folder that exists")
    func missing() throws {
        let folder = try TemporaryFolder()
        #expect(throws: StoreError.failed(SystemCallError("open", folder("none"), code: ENOENT))) {
            try UploadStore(opening: folder("none"))
        }
        try folder.write([], to: "file")
        #expect(throws: StoreError.failed(SystemCallError("open", folder("file"), code: ENOTDIR))) {
            try UploadStore(opening: folder("file"))
        }
    }

    @Test("removes temporaries and torn intents, and says how many")
    func leftovers() throws {
        let folder = try TemporaryFolder()
        let notes = "received_files/.receiver"
        try folder.write(Array("half".utf8), to: "\(notes)/tmp/0123456789abcdef")
        try folder.write([], to: "\(notes)/replacing/a.intent")
        try folder.write(
            Array("secure-upload replacement 1\npi-01\n../../etc/passwd\n".utf8), to: "\(notes)/replacing/b.intent")
        try folder.write(intent("../../etc/passwd", "new"), to: "\(notes)/replacing/c.intent")
        try folder.write(Array("new".utf8), to: "\(notes)/replacing/c.content")
        // A damaged byte makes no other path of it, and so no upload.
        let damaged = intent("anew", "new").map { $0 == UInt8(ascii: "w") ? 0xbc : $0 }
        try folder.write(damaged, to: "\(notes)/replacing/d.intent")
        try folder.write(Array("new".utf8), to: "\(notes)/replacing/d.content")
        let store = try UploadStore(opening: folder("received_files"))
        #expect(store.recovery.temporariesRemoved == 7)
        #expect(store.recovery.finished == 0)
        #expect(folder.files(below: "received_files") == [".receiver/lock"])
    }

    @Test("finishes a replacement by its intent alone")
    func byHand() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("old".utf8), to: "received_files/pi-01/a\u{301}/\u{301}b")
        try folder.write(intent("a\u{301}/\u{301}b", "new"), to: "received_files/.receiver/replacing/c.intent")
        try folder.write(Array("new".utf8), to: "received_files/.receiver/replacing/c.content")
        let store = try UploadStore(opening: folder("received_files"))
        #expect(store.recovery.finished == 1)
        #expect(try folder.read("received_files/pi-01/a\u{301}/\u{301}b") == Array("new".utf8))
        #expect(
            try folder.read("received_files/pi-01/.versions/a\u{301}/\u{301}b/\(sha256("old".utf8))")
                == Array("old".utf8))
    }

    @Test("undoes a replacement whose new content is not what the intent says")
    func damagedContent() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("old".utf8), to: "received_files/pi-01/a")
        try folder.write(intent("a", "new"), to: "received_files/.receiver/replacing/c.intent")
        try folder.write(Array("torn".utf8), to: "received_files/.receiver/replacing/c.content")
        let store = try UploadStore(opening: folder("received_files"))
        #expect(store.recovery.undone == 1)
        #expect(folder.files(below: "received_files") == [".receiver/lock", "pi-01/a"])
        #expect(try folder.read("received_files/pi-01/a") == Array("old".utf8))
    }

    private func intent(_ path: String, _ content: String) -> [UInt8] {
        Array("secure-upload replacement 1\npi-01\n\(path)\n\(sha256(content.utf8))\n".utf8)
    }
}
