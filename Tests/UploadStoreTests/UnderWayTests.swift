import Foundation
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@Suite("An upload under way")
struct UnderWayTests {
    static let features = [
        SystemFeatures(unnamedFiles: true, openBeneath: true), SystemFeatures(unnamedFiles: false, openBeneath: false),
    ]

    @Test("leaves nothing behind when it is dropped, at any point", arguments: features)
    func dropped(features: SystemFeatures) throws {
        let lab = try StoreFixture(features: features)
        do {
            let begun = try lab.store.begin(pi: PiName("pi-01")!, path: UploadPath(segments: ["a", "b"]), size: 10)
            #expect(lab.store.reservedSpace == 10)
            try begun.write(Array("half".utf8))
            #expect(lab.store.reservedSpace == 6)
            #expect(begun.received == 4)
            let finished = try lab.store.receive("whole".utf8, "c")
            #expect(lab.store.reservedSpace == 6)
            #expect(finished.received == 5)
        }
        #expect(lab.store.reservedSpace == 0)
        #expect(lab.notes.isEmpty)
        #expect(lab.stored.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: "\(lab.root)/pi-01"))
        #expect(openDescriptors(below: lab.root) == ownDescriptors)
    }

    @Test("takes no byte more than was announced, and is not committed with one less")
    func size() throws {
        let lab = try StoreFixture()
        let upload = try lab.store.begin(pi: PiName("pi-01")!, path: UploadPath(segments: ["a"]), size: 4)
        try upload.write(Array("one".utf8))
        #expect(throws: StoreError.longerThanAnnounced(4)) { try upload.write(Array("ab".utf8)) }
        #expect(upload.received == 3)
        #expect(throws: StoreError.incomplete(received: 3, size: 4)) { try lab.store.commit(upload) }
        _ = upload.finish()
        #expect(throws: StoreError.incomplete(received: 3, size: 4)) { try lab.store.commit(upload) }
        #expect(lab.stored.isEmpty)
    }

    @Test("is refused if the disk, less what others were promised, has no room for it")
    func space() throws {
        let lab = try StoreFixture()
        let path = try UploadPath(segments: ["a"])
        let pi = PiName("pi-01")!
        #expect {
            try lab.store.begin(pi: pi, path: path, size: .max)
        } throws: {
            guard case StoreError.insufficientSpace(.max, let free?) = $0 else { return false }
            return free > 0
        }
        let attributes = try FileManager.default.attributesOfFileSystem(forPath: lab.root)
        let free = try #require(attributes[.systemFreeSize] as? Int64)
        do {
            let first = try lab.store.begin(pi: pi, path: path, size: free / 10 * 6)
            #expect {
                try lab.store.begin(pi: pi, path: path, size: free / 10 * 6)
            } throws: {
                if case StoreError.insufficientSpace = $0 { true } else { false }
            }
            #expect(lab.store.reservedSpace == first.size)
        }
        #expect(lab.store.reservedSpace == 0)
        _ = try lab.store.begin(pi: pi, path: path, size: free / 10 * 6)
    }

    @Test("is undone if its receipt cannot be signed")
    func unsigned() throws {
        struct NoKey: Error {}
        let lab = try StoreFixture()
        let new = try lab.store.receive("one".utf8, "a")
        #expect(throws: NoKey.self) { try lab.store.commit(new, modified: nil) { _ in throw NoKey() } }
        #expect(lab.stored.isEmpty)
        try lab.put("one".utf8, "a")
        let other = try lab.store.receive("two".utf8, "a")
        #expect(throws: NoKey.self) { try lab.store.commit(other, modified: nil) { _ in throw NoKey() } }
        #expect(lab.stored == ["pi-01/a", "pi-01/a.sha256"])
        #expect(try lab.read("pi-01/a") == "one")
        #expect(lab.notes.isEmpty)
    }

    @Test("holds one descriptor, and after 1,000 uploads none is left", arguments: features)
    func descriptors(features: SystemFeatures) throws {
        let lab = try StoreFixture(features: features)
        #expect(openDescriptors(below: lab.root) == ownDescriptors)
        do {
            let upload = try lab.store.receive("one".utf8, "a")
            #expect(openDescriptors(below: lab.root) == ownDescriptors + 1)
            try lab.store.commit(upload)
            #expect(openDescriptors(below: lab.root) == ownDescriptors + 1)
        }
        for number in 0..<125 {
            // New, the same again, another content, and one that is refused: 500 of each way of two.
            let path = "folder-\(number % 7)/\(number)"
            try lab.put("\(number)".utf8, path)
            try lab.put("\(number)".utf8, path)
            try lab.put("other".utf8, path)
            #expect(throws: StoreError.self) { try lab.put("x".utf8, "\(path)/b") }
        }
        #expect(openDescriptors(below: lab.root) == ownDescriptors)
        #expect(lab.notes.isEmpty)
    }

    @Test("is stored beside many others that make the same new folders", arguments: features)
    func concurrently(features: SystemFeatures) throws {
        let lab = try StoreFixture(features: features)
        let outcomes = Outcomes()
        DispatchQueue.concurrentPerform(iterations: 64) { number in
            outcomes.add(Result { try lab.put("\(number)".utf8, "new/folder/\(number % 32)/\(number)") })
        }
        #expect(try outcomes.all.map { try $0.get() } == Array(repeating: .created, count: 64))
        for number in 0..<64 {
            #expect(try lab.read("pi-01/new/folder/\(number % 32)/\(number)") == "\(number)")
        }
        #expect(lab.stored.count == 128)
    }
}

/// The root, the lock and the three folders of the store's notes.
private let ownDescriptors = 5

/// Of this process, for files and folders at or below `path`, named or not.
private func openDescriptors(below path: String) -> Int {
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return numbers.count { number in
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
        return target.map { $0 == path || $0.hasPrefix("\(path)/") } ?? false
    }
}
