import Files
import Glibc
import TestSupport
import Testing

@Suite("A file")
struct FileTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test("that is new has its contents and exactly its mode", arguments: [mode_t(0o600), 0o644, 0o400, 0o666])
    func newFile(mode: mode_t) throws {
        try writeNewFile(folder("new"), [1, 2, 3], mode: mode)
        #expect(try folder.read("new") == [1, 2, 3])
        #expect(try fileStatus(folder("new"))?.permissions == mode)
        #expect(try namesInFolder(folder.path) == ["new"])
    }

    @Test("is never overwritten by a new one, and neither is a link")
    func neverOverwrites() throws {
        try folder.write([1], to: "taken")
        #expect(symlink("nowhere", folder("link")) == 0)
        for name in ["taken", "link"] {
            let error = try failure(SystemCallError.self) {
                try writeNewFile(folder(name), [2], mode: 0o600)
            }
            #expect(error.code == EEXIST)
            #expect(error.description == "cannot create \(folder(name)): File exists")
        }
        #expect(try folder.read("taken") == [1])
        #expect(try namesInFolder(folder.path) == ["link", "taken"])
    }

    @Test("that is replaced has the new contents and mode, and nothing stays beside it")
    func replaced() throws {
        try folder.write([1], to: "file")
        try replaceFile(folder("file"), [2, 3], mode: 0o640)
        #expect(try folder.read("file") == [2, 3])
        #expect(try fileStatus(folder("file"))?.permissions == 0o640)
        #expect(try namesInFolder(folder.path) == ["file"])
    }

    @Test("that cannot be replaced stays, and nothing stays beside it")
    func notReplaced() throws {
        try folder.write([1], to: "folder/inside")
        #expect(throws: SystemCallError.self) { try replaceFile(folder("folder"), [2], mode: 0o600) }
        #expect(folder.files() == ["folder/inside"])
    }

    @Test("that is missing is told with its path and the reason")
    func missing() throws {
        let error = try failure(SystemCallError.self) { try readFile(folder("none"), limit: 10) }
        #expect(error.code == ENOENT)
        #expect(error.description == "cannot open \(folder("none")): No such file or directory")
        #expect(throws: SystemCallError.self) { try writeNewFile(folder("none/file"), [], mode: 0o600) }
    }

    @Test("is read whole up to the limit and refused beyond")
    func limit() throws {
        try folder.write(Array(repeating: 7, count: 100), to: "file")
        #expect(try readFile(folder("file"), limit: 100).count == 100)
        let error = try failure(SystemCallError.self) { try readFile(folder("file"), limit: 99) }
        #expect(error.code == EFBIG)
        try folder.write([], to: "empty")
        #expect(try readFile(folder("empty"), limit: 0) == [])
    }

    @Test("that is no regular file is refused without waiting for it")
    func notRegular() throws {
        #expect(mkfifo(folder("fifo"), 0o600) == 0)
        let fifo = try failure(SystemCallError.self) { try readFile(folder("fifo"), limit: 10) }
        #expect(fifo.code == EINVAL)
        let directory = try failure(SystemCallError.self) { try readFile(folder.path, limit: 10) }
        #expect(directory.code == EISDIR)
    }

    @Test("gets a new name, unless something has it")
    func move() throws {
        try folder.write([1], to: "a")
        try folder.write([2], to: "b")
        let error = try failure(SystemCallError.self) { try moveFileToNewName(folder("a"), folder("b")) }
        #expect(error.code == EEXIST)
        try moveFileToNewName(folder("a"), folder("c"))
        #expect(folder.files() == ["b", "c"])
        #expect(try folder.read("b") == [2])
    }

    @Test("that has its old and its new name, because a move was interrupted, loses the old one")
    func interruptedMove() throws {
        try folder.write([1], to: "old")
        #expect(link(folder("old"), folder("new")) == 0)
        try moveFileToNewName(folder("old"), folder("new"))
        #expect(folder.files() == ["new"])
    }

    @Test(
        "path is taken apart",
        arguments: [("/a/b", "/a", "b"), ("/b", "/", "b"), ("b", ".", "b"), ("a/b/c", "a/b", "c")])
    func parts(path: String, parent: String, name: String) {
        #expect(directory(of: path) == parent)
        #expect(lastComponent(of: path) == name)
    }
}
