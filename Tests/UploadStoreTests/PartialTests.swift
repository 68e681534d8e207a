import Files
import Foundation
import OpenSSL
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import UploadStore

@Suite("A file that comes in parts")
struct PartialTests {
    static let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 9) }

    @Test("goes on where it was, in this process and after a restart, and is stored like any other")
    func goesOn() throws {
        let folder = try TemporaryFolder()
        let file = try UploadStore.announced(Self.content, "folder/a")
        do {
            let lab = try StoreFixture(in: folder)
            let status = try lab.store.partials.create(file)
            #expect(status.offset == 0)
            #expect(try lab.store.send(Self.content, of: file, upTo: 50_000) == 50_000)
            #expect(try lab.store.send(Self.content, of: file, upTo: 120_000) == 120_000)
            #expect(try lab.store.partials.create(file).offset == 120_000)
        }
        let store = try UploadStore(opening: folder("received_files"))
        #expect(store.recovery.partialsRemoved == 0)
        #expect(try store.offset(of: file) == 120_000)
        #expect(try store.complete(Self.content, of: file) == .created)
        #expect(try folder.read("received_files/pi-01/folder/a") == Self.content)
        #expect(try store.offset(of: file) == nil)
        #expect(folder.files(below: "received_files/.receiver") == ["lock"])
        let attributes = try FileManager.default.attributesOfItem(atPath: folder("received_files/pi-01/folder/a"))
        #expect((attributes[.modificationDate] as? Date)?.timeIntervalSince1970 == 1_778_926_500)
        #expect(store.reservedSpace == 0)
    }

    @Test("is another file's new version, or held already, as a whole one would be")
    func isVersioned() throws {
        let lab = try StoreFixture()
        let file = try UploadStore.announced(Self.content, "a")
        try lab.put("before".utf8, "a")
        #expect(try lab.store.acknowledge(file) { try signReceipt(for: file, result: $0) } == nil)
        _ = try lab.store.partials.create(file)
        #expect(try lab.store.complete(Self.content, of: file) == .replaced)
        #expect(try lab.read("pi-01/.versions/a/\(sha256("before".utf8))") == "before")
        let signed = try lab.store.acknowledge(file) { try signReceipt(for: file, result: $0) }
        #expect(signed?.receipt.result == .unchanged)
        // Also as an earlier version.
        try lab.put("after".utf8, "a")
        let again = try lab.store.acknowledge(file) { try signReceipt(for: file, result: $0) }
        #expect(again?.receipt.result == .unchanged)
        #expect(try lab.read("pi-01/a") == "after")
        _ = try lab.store.partials.create(file)
        #expect(try lab.store.complete(Self.content, of: file) == .unchanged)
        #expect(lab.notes.isEmpty)
    }

    @Test("goes back to the offset before a part that is not what was signed")
    func goesBack() throws {
        let lab = try StoreFixture()
        let file = try UploadStore.announced(Self.content, "a")
        _ = try lab.store.partials.create(file)
        _ = try lab.store.send(Self.content, of: file, upTo: 1000)
        do {
            let partial = try #require(try lab.store.open(file))
            try partial.write(Array("nonsense".utf8))
            // As during a long part.
            #expect(try partial.save() == 1008)
            #expect(partial.finishPart() == SHA256.digest(of: Array("nonsense".utf8)))
            #expect(try partial.goBack() == 1000)
        }
        #expect(try lab.store.offset(of: file) == 1000)
        #expect(try lab.store.complete(Self.content, of: file) == .created)
        #expect(try lab.folder.read("received_files/pi-01/a") == Self.content)
    }

    @Test("takes no byte more than was announced, and reserves the room of one part alone")
    func isBounded() throws {
        let lab = try StoreFixture()
        let file = try UploadStore.announced(Self.content, "a")
        _ = try lab.store.partials.create(file)
        #expect(lab.store.reservedSpace == 0)
        do {
            let partial = try #require(try lab.store.partials.open(PartialKey(file), room: 10, lease: Lease()))
            #expect(lab.store.reservedSpace == 10)
            try partial.write(Array(Self.content[..<7]))
            #expect(lab.store.reservedSpace == 3)
            #expect(throws: StoreError.longerThanAnnounced(file.size)) { try partial.write(Self.content) }
            try partial.end()
        }
        #expect(lab.store.reservedSpace == 0)
        #expect(try lab.store.offset(of: file) == 7)
    }

    @Test("is refused if there is no room for the rest of it")
    func needsRoom() throws {
        let lab = try StoreFixture()
        let file = AnnouncedFile(
            pi: PiName("pi-01")!, path: try UploadPath(segments: ["a"]), size: .max, digest: .ofNothing, modified: nil)
        #expect {
            try lab.store.partials.create(file)
        } throws: {
            if case StoreError.insufficientSpace = $0 { true } else { false }
        }
        #expect(lab.store.reservedSpace == 0)
        #expect(lab.notes.isEmpty)
    }

    @Test("is kept of a whole file that was cut off, if that is more than there was")
    func isKeptOfWholeFile() throws {
        for features in UnderWayTests.features {
            let lab = try StoreFixture(features: features)
            let file = try UploadStore.announced(Self.content, "a")
            for (count, expected) in [(1000, 1000), (500, 1000), (3000, 3000)] as [(Int, Int64)] {
                let whole = try lab.store.begin(pi: file.pi, path: file.path, size: file.size)
                try whole.write(Array(Self.content[..<count]))
                try lab.store.partials.keep(whole, of: file)
                #expect(try lab.store.offset(of: file) == expected)
            }
            #expect(try lab.store.complete(Self.content, of: file) == .created)
            #expect(try lab.folder.read("received_files/pi-01/a") == Self.content)
            #expect(lab.notes.isEmpty)
        }
    }

    @Test("expires when nothing came for its lifetime, not while somebody works at it")
    func expires() throws {
        let now = Mutex<Int64>(1_800_000_000)
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder("received_files"), withIntermediateDirectories: false)
        let store = try UploadStore(
            opening: folder("received_files"), clock: { now.withLock { $0 } }, observe: { _ in })
        let (idle, worked) = (
            try UploadStore.announced(Self.content, "idle"), try UploadStore.announced(Self.content, "worked at")
        )
        _ = try store.partials.create(idle)
        _ = try store.partials.create(worked)
        now.withLock { $0 += 7 * 86_400 - 1 }
        #expect(try store.partials.sweep() == 0)
        #expect(try store.partials.status(of: PartialKey(idle))?.lifetime == 1)
        #expect(try store.send(Self.content, of: worked, upTo: 1) == 1)
        #expect(try store.partials.status(of: PartialKey(worked))?.lifetime == 7 * 86_400)
        now.withLock { $0 += 1 }
        #expect(try store.partials.sweep() == 1)
        #expect(try store.offset(of: idle) == nil)

        now.withLock { $0 += 7 * 86_400 }
        do {
            let partial = try #require(try store.open(worked))
            #expect(try store.partials.sweep() == 0)
            try partial.end()
        }
        #expect(try store.partials.sweep() == 1)
        #expect(folder.files(below: "received_files/.receiver") == ["lock"])
    }

    @Test("does not expire at a start, by a clock that may not be set yet")
    func staysAtStart() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder("received_files"), withIntermediateDirectories: false)
        let file = try UploadStore.announced(Self.content, "a")
        _ = try UploadStore(opening: folder("received_files"), clock: { 1_800_000_000 }, observe: { _ in })
            .partials.create(file)
        let store = try UploadStore(opening: folder("received_files"), clock: { 1_900_000_000 }, observe: { _ in })
        #expect(store.recovery.partialsRemoved == 0)
        #expect(try store.offset(of: file) == 0)
        #expect(try store.partials.sweep() == 1)
    }

    @Test("gives way to what its sender has of the path now, and the one that waited longest to the 65th")
    func givesWay() throws {
        let now = Mutex<Int64>(1_800_000_000)
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder("received_files"), withIntermediateDirectories: false)
        // Seconds: who waited longest is known to one of them.
        let store = try UploadStore(
            opening: folder("received_files"), clock: { now.withLock { $0 } }, observe: { _ in })
        func create(_ content: [UInt8], _ path: String, pi: String = "pi-01") throws -> AnnouncedFile {
            now.withLock { $0 += 1 }
            let file = try UploadStore.announced(content, path, pi: pi)
            _ = try store.partials.create(file)
            return file
        }
        func count() -> Int { folder.files(below: "received_files/.receiver/partials").count }
        let last = try (0..<200).map { try create(Array("\($0)".utf8), "a") }.last
        #expect(count() == 2)
        #expect(try store.offset(of: try #require(last)) == 0)
        let files = try (0..<65).map { try create(Self.content, "\($0)") }
        #expect(count() == 2 * 64)
        let kept = try files.map { try store.offset(of: $0) != nil }
        #expect(kept == [false] + Array(repeating: true, count: 64))
        _ = try create(Self.content, "a", pi: "pi-02")
        #expect(count() == 2 * 65)
    }

    @Test("of another Pi is unknown, and so is one that was never announced")
    func isItsPis() throws {
        let lab = try StoreFixture()
        let file = try UploadStore.announced(Self.content, "a")
        _ = try lab.store.partials.create(file)
        let stranger = PartialKey(pi: PiName("pi-02")!, id: file.id)
        #expect(try lab.store.partials.status(of: stranger) == nil)
        #expect(try lab.store.partials.open(stranger, room: 1, lease: Lease()) == nil)
        #expect(try lab.store.offset(of: try UploadStore.announced(Self.content, "b")) == nil)
        #expect(lab.store.reservedSpace == 0)
    }

    @Test("is read once more after a restart, or if somebody has written to it, and not at all otherwise")
    func isNotReadTwice() throws {
        let folder = try TemporaryFolder()
        let file = try UploadStore.announced(Self.content, "a")
        let key = PartialKey(file)
        let bytes = folder("received_files/.receiver/partials/pi-01/\(file.id)")
        do {
            let lab = try StoreFixture(in: folder)
            _ = try lab.store.partials.create(file)
            _ = try lab.store.send(Self.content, of: file, upTo: 1000)
            #expect(lab.store.partials.hashes.hash(of: key, at: 1000, try status(bytes)) != nil)
            #expect(lab.store.partials.hashes.hash(of: key, at: 999, try status(bytes)) == nil)
            do {
                let partial = try #require(try lab.store.open(file))
                try partial.write(Array("nonsense".utf8))
                try partial.goBack()
            }
            #expect(lab.store.partials.hashes.hash(of: key, at: 1000, try status(bytes)) != nil)
            try spoil(bytes)
            #expect(lab.store.partials.hashes.hash(of: key, at: 1000, try status(bytes)) == nil)
            let partial = try #require(try lab.store.open(file))
            try partial.write(Array(Self.content[1000...]))
            #expect(partial.finish() != file.digest)
        }
        let store = try UploadStore(opening: folder("received_files"))
        let partial = try #require(try store.open(file))
        try partial.write(Array(Self.content[Int(partial.start)...]))
        #expect(partial.finish() != file.digest)
        try partial.discard()
        #expect(try store.offset(of: file) == nil)
    }

    @Test("that was kept of a whole file is not read again, unless somebody has put another in its place")
    func isKeptWithItsHash() throws {
        let lab = try StoreFixture()
        let file = try UploadStore.announced(Self.content, "a")
        let bytes = lab.folder("received_files/.receiver/partials/pi-01/\(file.id)")
        let whole = try lab.store.begin(pi: file.pi, path: file.path, size: file.size)
        try whole.write(Array(Self.content[..<1000]))
        #expect(try lab.store.partials.keep(whole, of: file) == 1000)
        #expect(lab.store.partials.hashes.hash(of: PartialKey(file), at: 1000, try status(bytes)) != nil)
        try lab.folder.write([UInt8](repeating: 0, count: 1000), to: "other")
        #expect(rename(lab.folder("other"), bytes) == 0)
        let partial = try #require(try lab.store.open(file))
        try partial.write(Array(Self.content[1000...]))
        #expect(partial.finish() != file.digest)
    }

    private func status(_ path: String) throws -> stat {
        var status = stat()
        try #require(lstat(path, &status) == 0)
        return status
    }

    /// With other times, however little of the clock has gone by.
    private func spoil(_ path: String) throws {
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try handle.write(contentsOf: Data([Self.content[0] ^ 1]))
        try handle.close()
        let time = timeval(tv_sec: 1_800_000_000, tv_usec: 0)
        try #require(utimes(path, [time, time]) == 0)
    }

    @Test("is not believed to be what nobody can have noted, and what it says can be counted on with")
    func hasPossibleNote() throws {
        let file = try UploadStore.announced(Self.content, "a")
        func parsed(size: Int64 = 200_000, _ entry: PartialNote.Entry) -> PartialNote? {
            let file = AnnouncedFile(
                pi: file.pi, path: file.path, size: size, digest: file.digest, modified: file.modified)
            return PartialNote(parsing: PartialNote(file: file, entry: entry).contents)
        }
        let possible = PartialNote.Entry(sequence: 3, offset: 5, time: 1_800_000_000)
        #expect(parsed(possible)?.entry == possible)
        #expect(parsed(size: 5, possible)?.entry == possible)
        #expect(parsed(size: 4, possible) == nil)
        #expect(parsed(size: -1, possible) == nil)
        #expect(parsed(.init(sequence: .max, offset: 5, time: 1_800_000_000)) == nil)
        #expect(parsed(.init(sequence: 3, offset: 5, time: .max)) == nil)
        #expect(parsed(.init(sequence: 3, offset: 5, time: 0)) != nil)
        for time: Int64 in [.min, -1] { #expect(parsed(.init(sequence: 3, offset: 5, time: time)) == nil) }
        #expect(parsed(.init(sequence: 3, offset: .max, time: 1_800_000_000)) == nil)
    }

    @Test("is not given up where its note cannot be opened for a while, as for want of descriptors")
    func survivesWantOfNote() throws {
        let lab = try StoreFixture()
        let file = try UploadStore.announced(Self.content, "a")
        _ = try lab.store.partials.create(file)
        let note = lab.folder("received_files/.receiver/partials/pi-01/\(file.id).note")
        do {
            let partial = try #require(try lab.store.open(file))
            try partial.write(Array(Self.content[..<1000]))
            #expect(rename(note, lab.folder("elsewhere")) == 0)
            #expect(throws: StoreError.failed(SystemCallError("open", note, code: ENOENT))) { try partial.save() }
            #expect(rename(lab.folder("elsewhere"), note) == 0)
            try partial.write(Array(Self.content[1000..<2000]))
            #expect(try partial.end() == 2000)
        }
        #expect(try lab.store.complete(Self.content, of: file) == .created)
    }

    @Test("holds one descriptor while it is open, with or without unnamed files")
    func holdsOneDescriptor() throws {
        for features in UnderWayTests.features {
            let lab = try StoreFixture(features: features)
            let file = try UploadStore.announced(Self.content, "a")
            _ = try lab.store.partials.create(file)
            let before = lab.folder.openDescriptors
            do {
                let partial = try #require(try lab.store.open(file))
                #expect(lab.folder.openDescriptors == before + 1)
                try partial.write(Array(Self.content[..<1000]))
                try partial.save()
                #expect(lab.folder.openDescriptors == before + 1)
            }
            #expect(lab.folder.openDescriptors == before)
            #expect(try lab.store.complete(Self.content, of: file) == .created)
            #expect(lab.folder.openDescriptors == before)
        }
    }
}
