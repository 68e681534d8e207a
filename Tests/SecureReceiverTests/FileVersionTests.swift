import Foundation
import TestSupport
import Testing

@testable import SecureReceiver

@Suite("A file that is watched")
struct FileVersionTests {
    @Test("is being written if it has just been emptied; an empty one in its place is meant")
    func emptied() throws {
        let folder = try TemporaryFolder()
        let path = folder("ids.txt")
        try folder.write(Array("0123456789abcdef pi-01\n".utf8), to: "ids.txt")
        let whole = try #require(FileVersion(path))
        #expect(!whole.wasJustEmptied(since: nil))
        #expect(!whole.wasJustEmptied(since: whole))

        #expect(truncate(path, 0) == 0)
        let emptied = try #require(FileVersion(path))
        #expect(emptied.wasJustEmptied(since: whole))
        #expect(!emptied.wasJustEmptied(since: emptied))

        try folder.write([], to: "new")
        #expect(rename(folder("new"), path) == 0)
        #expect(try #require(FileVersion(path)).wasJustEmptied(since: whole) == false)
    }
}
