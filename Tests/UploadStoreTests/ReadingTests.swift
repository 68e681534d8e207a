import Files
import Foundation
import Synchronization
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@Suite("What is stored is read again")
struct ReadingTests {
    static let content = [UInt8](repeating: 1, count: 1_000_000)
    static let path = "deep/er/a"

    /// A store that counts the bytes it reads, with a clock that a test sets.
    private struct Lab {
        final class Counts: Sendable {
            let bytes = Atomic(0)
            /// Long after every file was changed.
            let now = Atomic<Int64>(Int64(Date().timeIntervalSince1970) + 1_000_000)
        }

        let folder: TemporaryFolder
        let counts = Counts()
        let store: UploadStore

        init(in folder: TemporaryFolder? = nil) throws {
            let folder = try folder ?? TemporaryFolder()
            let (root, counts) = (folder("received_files"), counts)
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            store = try UploadStore(
                opening: root, clock: { counts.now.load(ordering: .relaxed) },
                reading: { counts.bytes.add($0, ordering: .relaxed) }, observe: { _ in })
            self.folder = folder
        }

        var read: Int { counts.bytes.load(ordering: .relaxed) }

        func setClock(_ body: (Int64) -> Int64) {
            counts.now.store(body(counts.now.load(ordering: .relaxed)), ordering: .relaxed)
        }

        /// What it is answered, and how many bytes were read for that.
        func announce(_ content: [UInt8]) throws -> (Receipt.Result?, read: Int) {
            let file = try UploadStore.announced(content, ReadingTests.path)
            let before = read
            let signed = try store.acknowledge(file) { try signReceipt(for: file, result: $0) }
            return (signed?.receipt.result, read - before)
        }

        /// Announces a file in parts, and sends so many bytes of it.
        func begin(_ file: AnnouncedFile, upTo end: Int) throws {
            _ = try store.partials.create(file)
            _ = try store.send(content, of: file, upTo: end)
        }

        /// How many bytes are read for somebody who is gone after the first of them.
        func announceForAMoment(_ content: [UInt8]) throws -> Int {
            let file = try UploadStore.announced(content, ReadingTests.path)
            let before = read
            #expect {
                try store.acknowledge(
                    file, while: { read == before }, receipt: { try signReceipt(for: file, result: $0) })
            } throws: {
                if case StoreError.failed(let failure) = $0 { failure.code == ECANCELED } else { false }
            }
            return read - before
        }

        func write(_ content: [UInt8], at offset: UInt64) throws {
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: folder("received_files/pi-01/\(path)")))
            try file.seek(toOffset: offset)
            try file.write(contentsOf: content)
            try file.close()
        }
    }

    @Test("once for its announcements, as long as it stays as it is, and again after an hour")
    func isRemembered() throws {
        let lab = try Lab()
        try lab.store.put(Self.content, Self.path)
        #expect(try lab.announce(Self.content) == (.unchanged, 1_000_000))
        for _ in 1...3 { #expect(try lab.announce(Self.content) == (.unchanged, 0)) }
        lab.setClock { $0 + 3599 }
        #expect(try lab.announce(Self.content) == (.unchanged, 0))
        lab.setClock { $0 + 1 }
        #expect(try lab.announce(Self.content) == (.unchanged, 1_000_000))
        // A clock that was set back says nothing of how long ago that was.
        lab.setClock { $0 - 1 }
        #expect(try lab.announce(Self.content) == (.unchanged, 1_000_000))
    }

    @Test("after any change, though it has the same size and the same time; and what is damaged is not acknowledged")
    func isReadAfterChange() throws {
        let lab = try Lab()
        let file = lab.folder("received_files/pi-01/\(Self.path)")
        try lab.store.put(Self.content, Self.path)
        _ = try lab.announce(Self.content)
        let modified = try #require(FileManager.default.attributesOfItem(atPath: file)[.modificationDate] as? Date)
        try lab.write([2], at: 500_000)
        try FileManager.default.setAttributes([.modificationDate: modified], ofItemAtPath: file)
        #expect(try lab.announce(Self.content) == (nil, 1_000_000))
        // That, too, is remembered.
        #expect(try lab.announce(Self.content) == (nil, 0))
        try lab.write([1], at: 500_000)
        #expect(try lab.announce(Self.content) == (.unchanged, 1_000_000))
        try Data(Self.content).write(to: URL(fileURLWithPath: file), options: .atomic)
        #expect(try lab.announce(Self.content) == (.unchanged, 1_000_000))
        try FileManager.default.removeItem(atPath: file)
        #expect(try lab.announce(Self.content) == (nil, 0))
    }

    @Test("each time if it was changed a moment before: a further change might look the same")
    func isReadWhenUnsettled() throws {
        let lab = try Lab()
        try lab.store.put(Self.content, Self.path)
        lab.setClock { _ in 0 }
        for _ in 1...2 { #expect(try lab.announce(Self.content) == (.unchanged, 1_000_000)) }
    }

    @Test(
        "no further when nobody wants to know any more; asked again, from there on, unless it changed or nobody asked for an hour"
    )
    func isReadWhileWanted() throws {
        let lab = try Lab()
        try lab.store.put(Self.content, Self.path)
        let piece = try lab.announceForAMoment(Self.content)
        #expect((1..<500_000).contains(piece))
        #expect(try lab.announceForAMoment(Self.content) == piece)
        #expect(try lab.announce(Self.content) == (.unchanged, 1_000_000 - 2 * piece))
        lab.setClock { $0 + 3600 }

        _ = try lab.announceForAMoment(Self.content)
        lab.setClock { $0 + 3600 }
        #expect(try lab.announce(Self.content) == (.unchanged, 1_000_000))

        lab.setClock { $0 + 3600 }
        _ = try lab.announceForAMoment(Self.content)
        try lab.write([2], at: 0)
        #expect(try lab.announce(Self.content) == (nil, 1_000_000))
    }

    @Test("to the end however long that takes; what was read over an hour ago counts for that one announcement")
    func isReadForHours() throws {
        let lab = try Lab()
        try lab.store.put(Self.content, Self.path)
        var read = 0
        for _ in 1...3 {
            read += try lab.announceForAMoment(Self.content)
            lab.setClock { $0 + 3599 }
        }
        #expect(try lab.announce(Self.content) == (.unchanged, 1_000_000 - read))
        #expect(try lab.announce(Self.content) == (.unchanged, 1_000_000))
        #expect(try lab.announce(Self.content) == (.unchanged, 0))
    }

    @Test("from its first byte on while a change a moment before may hide another; then in turns, whatever its times")
    func isReadOnWhenSettled() throws {
        let lab = try Lab()
        try lab.store.put(Self.content, Self.path)
        let changed = try FileManager.default.attributesOfItem(atPath: lab.folder("received_files/pi-01/\(Self.path)"))
        let time = Int64(try #require(changed[.modificationDate] as? Date).timeIntervalSince1970)
        // Right after the change, and with a clock that was set back since.
        for start in [time, time - 1_000_000] {
            lab.setClock { _ in start }
            let piece = try lab.announceForAMoment(Self.content)
            lab.setClock { _ in start + 10 }
            #expect(try lab.announceForAMoment(Self.content) == piece)
            // That was from the first byte on again, and counts.
            #expect(try lab.announce(Self.content) == (.unchanged, 1_000_000 - piece))
            #expect(try lab.announce(Self.content) == (.unchanged, 0))
            lab.setClock { _ in start + 10_000 }
        }
    }

    @Test("and one that comes in parts from there on, too, where its reading was put off")
    func isReadOnInParts() throws {
        let folder = try TemporaryFolder()
        let file = try UploadStore.announced(Self.content, Self.path)
        try Lab(in: folder).begin(file, upTo: 600_000)
        // As a power cut may leave it.
        let partials = folder("received_files/.receiver/partials/pi-01")
        let bytes = URL(fileURLWithPath: "\(partials)/\(PartialKey(file).id.hex)")
        let handle = try FileHandle(forUpdating: bytes)
        try handle.seekToEnd()
        try handle.write(contentsOf: [1, 2, 3])
        try handle.close()
        let lab = try Lab(in: folder)
        for _ in 1...2 {
            let before = lab.read
            #expect(throws: StoreError.self) {
                try lab.store.partials.open(
                    PartialKey(file), room: 1, lease: Lease(), while: { lab.read == before })
            }
            #expect(lab.read > before)
        }
        #expect(lab.read < 600_000)
        #expect(try lab.store.complete(Self.content, of: file) == .created)
        #expect(lab.read == 600_000)
    }

    @Test("each time that all of it is sent again")
    func isReadForWholeUploads() throws {
        let lab = try Lab()
        try lab.store.put(Self.content, Self.path)
        _ = try lab.announce(Self.content)
        for reads in 2...3 {
            #expect(try lab.store.put(Self.content, Self.path) == .unchanged)
            #expect(lab.read == reads * 1_000_000)
        }
    }

    @Test("once when another content takes its place", arguments: [1_000_000, 5])
    func isReadOnceForReplacement(size: Int) throws {
        let lab = try Lab()
        try lab.store.put(Self.content, Self.path)
        #expect(try lab.store.put([UInt8](repeating: 2, count: size), Self.path) == .replaced)
        #expect(lab.read == 1_000_000)
        let version = "received_files/pi-01/.versions/\(Self.path)/\(sha256(Self.content))"
        #expect(try lab.folder.read(version) == Self.content)
    }

    @Test("no more when readings are given up: what needs one fails and changes nothing", arguments: [1_000_000, 5])
    func isGivenUp(size: Int) throws {
        let lab = try Lab()
        try lab.store.put(Self.content, Self.path)
        let before = lab.folder.files(below: "received_files")
        let upload = try lab.store.receive([UInt8](repeating: 2, count: size), Self.path)
        lab.store.giveUpReadings()
        #expect {
            try lab.store.commit(upload)
        } throws: {
            if case StoreError.failed(let failure) = $0 { failure.code == ECANCELED } else { false }
        }
        #expect(lab.read == 0)
        #expect(lab.folder.files(below: "received_files") == before)
        // It is as whole as it was, and can be kept.
        let file = try UploadStore.announced([UInt8](repeating: 2, count: size), Self.path)
        #expect(try lab.store.partials.keep(upload, of: file) == Int64(size))
        #expect(try lab.store.put(Self.content, "b") == .created)
    }

    @Test("and one that comes in parts when it is gone on with after a restart; and each reading says how it gets on")
    func isReadAfterRestart() throws {
        let folder = try TemporaryFolder()
        let file = try UploadStore.announced(Self.content, Self.path)
        do {
            let lab = try Lab(in: folder)
            try lab.begin(file, upTo: 600_000)
            #expect(lab.read == 0)
        }
        let lab = try Lab(in: folder)
        _ = try lab.store.send(Self.content, of: file, upTo: 700_000)
        #expect(lab.read == 600_000)
    }

    @Test("and one that comes in parts never again for a commit that fails, nor at all for a part without room")
    func isNotReadForFailures() throws {
        let folder = try TemporaryFolder()
        let file = try UploadStore.announced(Self.content, Self.path)
        do {
            let lab = try Lab(in: folder)
            try lab.begin(file, upTo: 1_000_000)
            try lab.store.put("in the way".utf8, "\(Self.path)/b")
            for _ in 1...2 { #expect(throws: StoreError.self) { try lab.store.complete(Self.content, of: file) } }
            #expect(lab.read == 0)
        }
        let lab = try Lab(in: folder)
        for _ in 1...2 {
            #expect {
                try lab.store.partials.open(PartialKey(file), room: .max, lease: Lease())
            } throws: {
                if case StoreError.insufficientSpace = $0 { true } else { false }
            }
        }
        #expect(lab.read == 0)
        #expect(lab.store.reservedSpace == 0)
        for _ in 1...3 {
            #expect(throws: StoreError.self) { try lab.store.complete(Self.content, of: file) }
            #expect(lab.read == 1_000_000)
            // One that brings nothing changes nothing either.
            #expect(try lab.store.send(Self.content, of: file, upTo: 1_000_000) == 1_000_000)
        }
        try FileManager.default.removeItem(atPath: folder("received_files/pi-01/\(Self.path)"))
        #expect(try lab.store.complete(Self.content, of: file) == .created)
        #expect(lab.read == 1_000_000)
    }
}
