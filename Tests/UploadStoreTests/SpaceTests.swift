import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import UploadStore

@Suite("Space that was promised")
struct SpaceTests {
    private func begin(_ size: Int64, _ pi: String, in store: UploadStore) throws -> IncomingUpload {
        try store.begin(pi: PiName(pi)!, path: UploadPath(segments: ["a"]), size: size)
    }

    private func free(_ root: String) throws -> Int64 {
        try #require(FileManager.default.attributesOfFileSystem(forPath: root)[.systemFreeSize] as? Int64)
    }

    @Test("to one Pi, however much it announces, leaves half to the others")
    func share() throws {
        let folder = try TemporaryFolder()
        let store = try UploadStore(opening: folder.path, keepingFree: .bytes(0))
        let free = try free(folder.path)
        let greedy = try begin(free / 10 * 9, "greedy", in: store)
        let fair = try begin(free / 10 * 4, "fair", in: store)
        #expect(throws: StoreError.self) { try begin(free / 10 * 4, "fair", in: store) }
        #expect(throws: StoreError.self) { try begin(free / 10 * 4, "greedy", in: store) }
        withExtendedLifetime((greedy, fair)) {}
    }

    @Test("is what is free less what is kept free, of a few bytes too")
    func kept() throws {
        let folder = try TemporaryFolder()
        let free = try free(folder.path)
        do {
            let store = try UploadStore(opening: folder.path, keepingFree: .bytes(free / 2))
            #expect(throws: StoreError.self) { try begin(free / 10 * 6, "pi-01", in: store) }
            _ = try begin(free / 10 * 4, "pi-01", in: store)
        }
        let store = try UploadStore(opening: folder.path, keepingFree: .bytes(.max))
        #expect(throws: StoreError.insufficientSpace(needed: 1, free: 0)) { try begin(1, "pi-01", in: store) }
    }

    @Test("is told as what an upload can have: half beside a greedy Pi, the whole to a Pi alone")
    func available() throws {
        let folder = try TemporaryFolder()
        let store = try UploadStore(opening: folder.path, keepingFree: .bytes(0))
        let fair = PiName("fair")!
        let alone = try store.availableSpace(for: fair)
        let greedy = try begin(alone / 10 * 9, "greedy", in: store)
        // Other tests use the same disk meanwhile.
        #expect((alone / 10 * 4...alone / 10 * 6).contains(try store.availableSpace(for: fair)))
        #expect(try store.availableSpace(for: PiName("greedy")!) < alone / 10 * 3)
        withExtendedLifetime(greedy) {}
        let other = try TemporaryFolder()
        let full = try UploadStore(opening: other.path, keepingFree: .bytes(.max))
        #expect(try full.availableSpace(for: fair) == 0)
    }

    @Test("is kept free as a part of the file system", arguments: [(0, Int64(0)), (5, 50_000), (99, 990_000)])
    func percent(percent: Int, bytes: Int64) {
        #expect(KeptFree.percent(percent).bytes(ofSize: 1_000_000) == bytes)
    }
}
