import Files
import Glibc
import TestSupport
import Testing

@Suite("A folder")
struct FolderTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test("that is new has exactly its mode; one that exists is left as it is")
    func make() throws {
        #expect(try makeFolder(folder("new"), mode: 0o777))
        #expect(try fileStatus(folder("new"))?.permissions == 0o777)
        #expect(try !makeFolder(folder("new"), mode: 0o700))
        #expect(try fileStatus(folder("new"))?.permissions == 0o777)
        #expect(symlink("new", folder("link")) == 0)
        #expect(try !makeFolder(folder("link"), mode: 0o700))
    }

    @Test("is not made where a file is, or a link to nothing")
    func obstacle() throws {
        try folder.write([], to: "file")
        #expect(symlink("nowhere", folder("link")) == 0)
        for name in ["file", "link"] {
            let error = try failure(SystemCallError.self) { try makeFolder(folder(name), mode: 0o700) }
            #expect(error.code == EEXIST)
        }
    }

    @Test("tells its names in order, hidden ones too")
    func names() throws {
        for name in ["b", ".hidden", "a", "märz"] { try folder.write([], to: name) }
        #expect(try namesInFolder(folder.path) == [".hidden", "a", "b", "märz"])
        #expect(throws: SystemCallError.self) { try namesInFolder(folder("none")) }
    }

    @Test("is removed with all that is in it, and nothing that a link in it points to")
    func removal() throws {
        try folder.write([1], to: "kept/file")
        try folder.write([1], to: "gone/deep/file")
        #expect(symlink(folder("kept"), folder("gone/deep/link")) == 0)
        try removeTree(folder("gone"))
        try removeTree(folder("gone"))
        #expect(try namesInFolder(folder.path) == ["kept"])
        #expect(folder.files() == ["kept/file"])
    }

    @Test("gets a new name, unless something has it")
    func move() throws {
        try folder.write([1], to: "a/file")
        try folder.write([2], to: "b")
        try makeFolder(folder("empty"), mode: 0o700)
        for name in ["b", "empty"] {
            let error = try failure(SystemCallError.self) {
                try moveFolderToNewName(folder("a"), folder(name))
            }
            #expect(error.code == EEXIST)
        }
        try moveFolderToNewName(folder("a"), folder("c"))
        #expect(folder.files() == ["b", "c/file"])
    }

    @Test("is told from what is not there")
    func status() throws {
        #expect(try fileStatus(folder("none")) == nil)
        #expect(try fileStatus(folder.path)?.isFolder == true)
        try folder.write([], to: "file")
        #expect(try fileStatus(folder("file"))?.isRegularFile == true)
        #expect(throws: SystemCallError.self) { try fileStatus(folder("file/below")) }
    }

    @Test("and the files in it may be made now and become durable later")
    func durableLater() throws {
        let folder = try TemporaryFolder()
        try makeFolder(folder("many"), mode: 0o700, isDurable: false)
        for index in 0..<3 { try writeNewFile(folder("many/\(index)"), [1, 2], mode: 0o640, isDurable: false) }
        #expect(try folder.read("many/2") == [1, 2])
        #expect(try fileStatus(folder("many/2"))?.permissions == 0o640)
    }
}
