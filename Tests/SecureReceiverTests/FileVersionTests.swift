import Foundation
import TestSupport
import Testing

@testable import SecureReceiver

@Suite("A file that is watched")
struct FileVersionTests {
    @Test("is young right after it was written, and not when its times say that it is older")
    func isYoung() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("0123456789abcdef pi-01\n".utf8), to: "ids.txt")
        #expect(try #require(FileVersion(folder("ids.txt"))).isYoung)
        // As old as the system's own files.
        #expect(try #require(FileVersion("/etc/hostname")).isYoung == false)
    }

    @Test("has another version when it is emptied, or another one is put in its place")
    func changes() throws {
        let folder = try TemporaryFolder()
        let path = folder("ids.txt")
        try folder.write(Array("0123456789abcdef pi-01\n".utf8), to: "ids.txt")
        let whole = try #require(FileVersion(path))
        #expect(FileVersion(path) == whole)
        #expect(truncate(path, 0) == 0)
        let emptied = try #require(FileVersion(path))
        #expect(emptied != whole)
        try folder.write([], to: "new")
        #expect(rename(folder("new"), path) == 0)
        #expect(FileVersion(path) != emptied)
        #expect(FileVersion(folder("none")) == nil)
    }
}
