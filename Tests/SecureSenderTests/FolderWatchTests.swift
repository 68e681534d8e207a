import Foundation
import TestSupport
import Testing

@testable import SecureSender

@Suite("The watch of folders")
struct FolderWatchTests {
    @Test("tells of what may be sent, and not of hidden files or receipts")
    func events() throws {
        let folder = try TemporaryFolder()
        let watch = try #require(FolderWatch())
        watch.add(try Folder(opening: folder.path))
        #expect(!watch.takeChanges())
        for name in [".hidden", "a.sha256"] { try folder.write([1], to: name) }
        #expect(!watch.takeChanges())
        try folder.write([1], to: "a")
        #expect(watch.takeChanges())
        #expect(!watch.takeChanges())
        try Data([1]).write(to: URL(fileURLWithPath: folder("b")))
        for number in 0..<2000 { mkdir(folder("folder\(number)"), 0o700) }
        #expect(watch.takeChanges())
        #expect(!watch.takeChanges())
        rename(folder(".hidden"), folder("shown"))
        #expect(watch.takeChanges())
        unlink(folder("shown"))
        #expect(!watch.takeChanges())
    }
}
