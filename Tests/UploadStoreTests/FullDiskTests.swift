import Foundation
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@Suite(
    "A full disk", .enabled(if: SmallDisk.isAvailable, "needs root and loop devices: a disk of 20 MB is mounted"))
struct FullDiskTests {
    @Test("refuses an upload before its first byte, or at the byte that does not fit")
    func whileWriting() async throws {
        try await withStore { store, root, filler in
            let path = try UploadPath(segments: ["a"])
            expectInsufficientSpace { try store.begin(pi: PiName("pi-01")!, path: path, size: 30 << 20) }
            do {
                let upload = try store.begin(pi: PiName("pi-01")!, path: path, size: 8 << 20)
                let piece = [UInt8](repeating: 7, count: 1 << 20)
                try upload.write(piece)
                try filler.fill()
                expectInsufficientSpace { for _ in 0..<7 { try upload.write(piece) } }
            }
            filler.empty()
            #expect(store.reservedSpace == 0)
            #expect(try store.put([UInt8](repeating: 7, count: 8 << 20), "a") == .created)
        }
    }

    @Test("undoes a commit that does not fit any more, and the next one works when there is room again")
    func whileCommitting() async throws {
        try await withStore { store, root, filler in
            try store.put("one".utf8, "a")
            try filler.fill()
            let before = files(root)
            expectInsufficientSpace { try store.put([], "folder/deep/new") }
            expectInsufficientSpace { try store.put([], "new") }
            expectInsufficientSpace { try store.put([], "a") }
            #expect(files(root) == before)
            filler.empty()
            #expect(try store.put([], "folder/deep/new") == .created)
            #expect(try store.put([], "a") == .replaced)
        }
    }

    @Test("keeps what came of a file in parts, which goes on when there is room again")
    func parts() async throws {
        try await withStore { store, root, filler in
            let content = [UInt8](repeating: 7, count: 8 << 20)
            let file = try UploadStore.announced(content, "a")
            expectInsufficientSpace {
                try store.partials.create(UploadStore.announced([UInt8](repeating: 0, count: 30 << 20), "b"))
            }
            _ = try store.partials.create(file)
            do {
                let partial = try #require(try store.open(file))
                try partial.write(Array(content[..<(1 << 20)]))
                try filler.fill()
                expectInsufficientSpace { for _ in 0..<7 { try partial.write(Array(content[..<(1 << 20)])) } }
                #expect(try partial.end() >= 1 << 20)
            }
            expectInsufficientSpace { try store.partials.create(file) }
            expectInsufficientSpace { try store.partials.create(UploadStore.announced(Array("new".utf8), "b")) }
            filler.empty()
            #expect(store.reservedSpace == 0)
            #expect(try store.complete(content, of: file) == .created)
        }
    }

    @Test("is not kept full by what came of a file, when that is sent whole once more and fits without it")
    func keptBeginning() async throws {
        try await withStore { store, root, filler in
            let content = [UInt8](repeating: 7, count: 10 << 20)
            let file = try UploadStore.announced(content, "a")
            do {
                let cut = try store.begin(file)
                try cut.write(Array(content[..<(8 << 20)]))
                try store.partials.keep(cut, of: file)
            }
            expectInsufficientSpace { try store.begin(pi: file.pi, path: file.path, size: file.size) }
            do {
                let upload = try store.begin(file)
                try upload.write(content)
                #expect(upload.finish() == file.digest)
                #expect(try store.commit(upload) == .created)
            }
            #expect(store.reservedSpace == 0)
        }
    }

    @Test("takes nothing of what came from who could not store the file anyway")
    func keptInVain() async throws {
        try await withStore { store, root, filler in
            let content = [UInt8](repeating: 7, count: 30 << 20)
            let file = try UploadStore.announced(content, "a")
            do {
                let path = try UploadPath(segments: ["a"])
                let cut = try store.begin(pi: file.pi, path: path, size: 1 << 20)
                try cut.write(Array(content[..<(1 << 20)]))
                try store.partials.keep(cut, of: file)
            }
            expectInsufficientSpace { try store.begin(file) }
            #expect(try store.offset(of: file) == 1 << 20)
        }
    }

    @Test("keeps no bytes whose note does not fit any more")
    func noteDoesNotFit() async throws {
        try await withStore { store, root, filler in
            let content = [UInt8](repeating: 7, count: 8 << 20)
            let file = try UploadStore.announced(content, "a")
            // Makes the folder.
            _ = try store.partials.create(file)
            try store.partials.remove(PartialKey(file))
            let before = files(root)
            do {
                let cut = try store.begin(file)
                try cut.write(Array(content[..<(4 << 20)]))
                try filler.fill()
                expectInsufficientSpace { try store.partials.keep(cut, of: file) }
            }
            #expect(files(root) == before)
        }
    }

    @Test("may be full of names instead of bytes")
    func withoutInodes() async throws {
        try await withStore(["-N", "64"]) { store, root, filler in
            try store.put("one".utf8, "a")
            var stored = 0
            expectInsufficientSpace {
                while stored < 100 {
                    try store.put("one".utf8, "file-\(stored)")
                    stored += 1
                }
            }
            #expect(stored > 5)
            #expect(files(root).count == 2 * stored + 3)
            expectInsufficientSpace { try store.put("two".utf8, "a") }
            for number in 0..<stored { try FileManager.default.removeItem(atPath: "\(root)/pi-01/file-\(number)") }
            #expect(try store.put("two".utf8, "a") == .replaced)
        }
    }

    private func withStore(
        _ options: [String] = [], _ body: (UploadStore, _ root: String, Filler) throws -> Void
    ) async throws {
        try await SmallDisk(options).use { mountPoint in
            let root = "\(mountPoint)/received_files"
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: false)
            try body(UploadStore(opening: root), root, Filler(path: "\(mountPoint)/filler"))
        }
    }

    private func files(_ root: String) -> [String] {
        (FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []).filter {
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(root)/\($0)", isDirectory: &isFolder)
                && !isFolder.boolValue
        }.sorted()
    }

    private func expectInsufficientSpace(
        sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> some Any
    ) {
        #expect(sourceLocation: sourceLocation) {
            _ = try body()
        } throws: {
            if case StoreError.insufficientSpace = $0 { true } else { false }
        }
    }
}

/// Takes all the space that is left.
private struct Filler {
    let path: String

    func fill() throws {
        let file = try #require(fopen(path, "we"))
        setbuf(file, nil)
        // To the last block: what a large piece leaves, a small one takes.
        for size in [1 << 20, 1 << 12, 1 << 10] {
            let piece = [UInt8](repeating: 1, count: size)
            while fwrite(piece, 1, size, file) == size {}
        }
        fclose(file)
        sync()
    }

    func empty() { unlink(path) }
}
