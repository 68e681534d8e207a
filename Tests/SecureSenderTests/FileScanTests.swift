import Files
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

private func scan(_ folder: TemporaryFolder, leavingOut excluded: String? = nil) throws -> FileScan {
    try FileScan(of: Folder(opening: folder.path), leavingOut: excluded.map { try Folder(opening: folder($0)) })
}

extension FileScan {
    /// Taken one by one, the oldest first.
    fileprivate var paths: [String] {
        var files = files
        return (0..<files.count).compactMap { _ in files.take(.oldest, at: .now)?.path.description }
    }
}

@Suite("The scan of a folder")
struct FileScanTests {
    @Test("finds regular files oldest first, and those of one age by name")
    func order() throws {
        let folder = try TemporaryFolder()
        for (name, age) in [("b", 10), ("a", 10), ("sub/old", 99), ("new", 0), ("sub/deep/er", 50)] {
            try folder.write([1], to: name)
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: Double(1_700_000_000 - age))],
                ofItemAtPath: folder(name))
        }
        #expect(try scan(folder).paths == ["sub/old", "sub/deep/er", "a", "b", "new"])
    }

    @Test("leaves out hidden names, links, FIFOs and the folder of sent files")
    func leavesOut() throws {
        let folder = try TemporaryFolder()
        for name in ["kept", ".hidden", ".git/config", "sub/.hidden", "sent/a", "outside/x"] {
            try folder.write([1], to: name)
        }
        symlink("kept", folder("link"))
        symlink("outside", folder("linkToFolder"))
        symlink("nowhere", folder("broken"))
        mkfifo(folder("fifo"), 0o600)
        let scan = try scan(folder, leavingOut: "sent")
        #expect(scan.paths.sorted() == ["kept", "outside/x"])
        #expect(scan.reserved.count == 0 && scan.unsendable.count == 0)
        #expect(scan.unreadable.count == 0)
    }

    @Test("tells names that the receiver keeps for itself from those that somebody has to change")
    func refusedNames() throws {
        let folder = try TemporaryFolder()
        for name in [
            "good", "a.sha256", "tab\tname", "folder.sha256/inside", "turned\u{202e}name",
            String(repeating: "x", count: 241),
        ] {
            try folder.write([1], to: name)
        }
        let notUTF8: [CChar] = Array(folder.path.utf8CString.dropLast()) + [47, 98, -1, 98, 0]
        close(open(notUTF8, O_CREAT | O_WRONLY, 0o600))
        let deep = Array(repeating: "d", count: 16).joined(separator: "/")
        try folder.write([1], to: "\(deep)/toodeep")
        let scan = try scan(folder)
        #expect(scan.paths == ["good"])
        #expect(scan.reserved.told.map(\.name).sorted() == ["a.sha256", "folder.sha256"])
        #expect(scan.unsendable.count == 5)
        #expect(scan.unsendable.told.contains { $0.name == String(repeating: "x", count: 241) })
    }

    @Test("tells ten names at most, and counts the others")
    func manyNames() throws {
        let folder = try TemporaryFolder()
        for number in 0..<25 { try folder.write([1], to: "\(number)\tname") }
        let scan = try scan(folder)
        #expect(scan.unsendable.count == 25)
        #expect(scan.unsendable.told.count == 10)
    }

    @Test("names folders that cannot be read", .enabled(if: geteuid() != 0, "root reads everything"))
    func unreadable() throws {
        let folder = try TemporaryFolder()
        try folder.write([1], to: "closed/file")
        chmod(folder("closed"), 0)
        defer { chmod(folder("closed"), 0o700) }
        #expect(try scan(folder).unreadable.told.map(\.path) == [folder("closed")])
    }
}

@Suite("The folder in which fsck(8) puts what it finds", .enabled(if: geteuid() == 0))
struct LostAndFoundTests {
    @Test("is passed over at the top of a file system, and is like any other elsewhere")
    func lostAndFound() async throws {
        let folder = try TemporaryFolder()
        guard let disk = try await SmallDisk(at: folder("disk")) else { return }
        for place in ["", "disk/", "disk/sub/"] {
            try folder.write([1], to: "\(place)lost+found/a")
        }
        #expect(try scan(folder).paths.sorted() == ["disk/sub/lost+found/a", "lost+found/a"])
        // A station's own.
        chown(folder("disk/lost+found"), 65534, 65534)
        #expect(try scan(folder).paths.count == 3)
        await disk.remove()
    }
}

@Suite("The fingerprint of a file")
struct FingerprintTests {
    @Test("changes with content, size, times and inode, and survives a move as the same content")
    func changes() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("one".utf8), to: "a")
        let source = try Folder(opening: folder.path)
        let look = { (name: String) in Fingerprint(try #require(try source.status(of: name))) }
        let first = try look("a")
        #expect(try look("a") == first)

        // The modification time put back: the inode's own change tells.
        var times = [timespec(), timespec()]
        var status = stat()
        stat(folder("a"), &status)
        times = [status.st_atim, status.st_mtim]
        try folder.write(Array("two".utf8), to: "new")
        rename(folder("new"), folder("b"))
        utimensat(AT_FDCWD, folder("a"), &times, 0)
        let touched = try look("a")
        #expect(touched != first)
        #expect(touched.isSameContent(as: first))

        rename(folder("a"), folder("c"))
        #expect(try look("c").isSameContent(as: first))
        rename(folder("b"), folder("a"))
        #expect(try !look("a").isSameContent(as: first))
    }
}
