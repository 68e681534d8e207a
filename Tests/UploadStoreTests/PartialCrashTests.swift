import Foundation
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@Suite("After a crash, a file that comes in parts")
struct PartialCrashTests {
    static let content = PartialTests.content
    static let file = "pi-01/folder/a"

    /// What a power cut may leave behind the durable bytes: a length without content.
    private func lengthen(_ root: String) throws {
        let folder = "\(root)/.receiver/partials/pi-01"
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where !name.hasSuffix(".note")
        {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
            guard attributes[.referenceCount] as? Int == 1 else { continue }
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(folder)/\(name)"))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(count: 5000))
            try handle.close()
        }
    }

    @Test(
        "goes on at an offset that was told or later, or is stored, at any step of its parts and its commit",
        arguments: [nil, "earlier"])
    func anyStep(earlier: String?) throws {
        let folder = try TemporaryFolder()
        let images = try CrashImages(of: folder("received_files"))
        let lab = try StoreFixture(in: folder, observe: images.observe)
        if let earlier { try lab.put(earlier.utf8, "folder/a") }
        let before = images.all.count
        let file = try UploadStore.announced(Self.content, "folder/a")
        // How much had been told when an image was taken.
        var told: [Int64] = []
        func tell(_ offset: Int64?) {
            while told.count < images.all.count - before { told.append(offset ?? -1) }
        }
        _ = try lab.store.partials.create(file)
        tell(nil)
        var last: Int64 = 0
        for end in [60_000, 130_000] {
            let offset = try lab.store.send(Self.content, of: file, upTo: end)
            tell(last)
            last = offset
        }
        #expect(try lab.store.complete(Self.content, of: file) == (earlier == nil ? .created : .replaced))
        tell(last)

        let taken = images.all.dropFirst(before)
        let steps: [CommitStep] =
            [.partialMade, .partialNoteLinked, .partialExtended, .partialExtended, .partialExtended]
            + (earlier == nil ? CrashTests.newSteps : CrashTests.replacementSteps)
            + [.partialCommitted, .partialNoteRemoved, .partialRemoved]
        #expect(taken.map(\.step) == steps)
        for (image, told) in zip(taken, told) {
            try lengthen(image.root)
            let store = try UploadStore(opening: image.root)
            #expect(store.recovery.unfinished.isEmpty)
            let stored = try? Data(contentsOf: URL(fileURLWithPath: "\(image.root)/\(Self.file)"))
            if stored == Data(Self.content) {
                #expect(try store.offset(of: file) == nil)
                let signed = try store.acknowledge(file) { try signReceipt(for: file, result: $0) }
                #expect(signed?.receipt.result == .unchanged)
            } else {
                #expect(stored == earlier.map { Data($0.utf8) })
                #expect(try (store.offset(of: file) ?? -1) >= told)
                #expect(try store.partials.create(file).offset >= told)
                #expect(try store.complete(Self.content, of: file) == (earlier == nil ? .created : .replaced))
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: "\(image.root)/\(Self.file)")) == Data(Self.content))
            let notes = FileManager.default.enumerator(atPath: "\(image.root)/.receiver")?.compactMap { $0 as? String }
            #expect(Set(notes ?? []) == ["lock", "tmp", "creating", "replacing", "partials", "partials/pi-01"])
        }
    }

    @Test("keeps the offset that was told when a part that came behind it is taken back")
    func goingBack() throws {
        let folder = try TemporaryFolder()
        let images = try CrashImages(of: folder("received_files"))
        let lab = try StoreFixture(in: folder, observe: images.observe)
        let file = try UploadStore.announced(Self.content, "folder/a")
        _ = try lab.store.partials.create(file)
        let told = try lab.store.send(Self.content, of: file, upTo: 60_000)
        let before = images.all.count
        do {
            let part = try #require(try lab.store.partials.open(PartialKey(file), room: 70_000, lease: folder))
            try part.write(Array(Self.content[60_000..<130_000]))
            // Durable before anybody knows that it is not what was signed.
            #expect(try part.save() == 130_000)
            #expect(try part.goBack() == told)
        }
        let taken = images.all.dropFirst(before)
        #expect(taken.map(\.step) == [.partialExtended, .partialGoneBack])
        for image in taken {
            let store = try UploadStore(opening: image.root)
            #expect(try #require(try store.offset(of: file)) >= told)
            #expect(try store.complete(Self.content, of: file) == .created)
        }
        #expect(try lab.store.offset(of: file) == told)
        #expect(try lab.store.complete(Self.content, of: file) == .created)
    }

    @Test("is the same at any step of keeping a whole file that was cut off")
    func keeping() throws {
        let folder = try TemporaryFolder()
        let images = try CrashImages(of: folder("received_files"))
        let lab = try StoreFixture(in: folder, observe: images.observe)
        let file = try UploadStore.announced(Self.content, "folder/a")
        let whole = try lab.store.begin(pi: file.pi, path: file.path, size: file.size)
        try whole.write(Array(Self.content[..<1000]))
        try lab.store.partials.keep(whole, of: file)
        #expect(images.all.map(\.step) == [.partialMade, .partialNoteLinked])
        for image in images.all {
            try lengthen(image.root)
            let store = try UploadStore(opening: image.root)
            #expect(try store.partials.create(file).offset == (image.step == .partialMade ? 0 : 1000))
            #expect(try store.complete(Self.content, of: file) == .created)
        }
    }

    @Test("goes on at an offset that was told or later at any step of keeping a whole file that was cut off behind it")
    func keepingMore() throws {
        let folder = try TemporaryFolder()
        let images = try CrashImages(of: folder("received_files"))
        let lab = try StoreFixture(in: folder, observe: images.observe)
        let file = try UploadStore.announced(Self.content, "folder/a")
        _ = try lab.store.partials.create(file)
        let told = try lab.store.send(Self.content, of: file, upTo: 1000)
        let before = images.all.count
        let whole = try lab.store.begin(pi: file.pi, path: file.path, size: file.size)
        try whole.write(Array(Self.content[..<2000]))
        try lab.store.partials.keep(whole, of: file)
        let taken = images.all.dropFirst(before)
        #expect(taken.map(\.step) == [.partialMade, .partialNoteLinked])
        for image in taken {
            try lengthen(image.root)
            let store = try UploadStore(opening: image.root)
            #expect(try store.offset(of: file) == (image.step == .partialMade ? told : 2000))
            #expect(try store.complete(Self.content, of: file) == .created)
        }
        #expect(try lab.store.offset(of: file) == 2000)
        #expect(try lab.store.complete(Self.content, of: file) == .created)
    }

    @Test("goes on from the entry before if the newer one was torn, and is given up if both or the file's part are")
    func tornNote() throws {
        let folder = try TemporaryFolder()
        let file = try UploadStore.announced(Self.content, "folder/a")
        do {
            let lab = try StoreFixture(in: folder)
            _ = try lab.store.partials.create(file)
            _ = try lab.store.send(Self.content, of: file, upTo: 1000)
            _ = try lab.store.send(Self.content, of: file, upTo: 2000)
        }
        let name = "received_files/.receiver/partials/pi-01/\(file.id).note"
        let note = try folder.read(name)
        // Entries 0 and 2 have one place, 1 the other.
        for (torn, offset) in [([8250], 1000), ([12_290], 2000), ([8250, 12_290], nil), ([40], nil)]
            as [([Int], Int64?)]
        {
            var changed = note
            for place in torn { changed[place] ^= 0x10 }
            let copy = try TemporaryFolder()
            try copyFolder(folder("received_files"), to: copy("store"))
            try copy.write(changed, to: "store/.receiver/partials/pi-01/\(file.id).note")
            let store = try UploadStore(opening: copy("store"))
            #expect(try store.offset(of: file) == offset)
            #expect(store.recovery.partialsRemoved == (offset == nil ? 1 : 0))
        }
        for cut in [0, 100, note.count - 1] {
            let copy = try TemporaryFolder()
            try copyFolder(folder("received_files"), to: copy("store"))
            try copy.write(note[..<cut], to: "store/.receiver/partials/pi-01/\(file.id).note")
            let store = try UploadStore(opening: copy("store"))
            #expect(try store.offset(of: file) == nil)
        }
    }

    @Test("never writes to a file that is stored, though the crash left it both names")
    func neverWritesToStored() throws {
        let folder = try TemporaryFolder()
        let images = try CrashImages(of: folder("received_files"))
        let lab = try StoreFixture(in: folder, observe: images.observe)
        let file = try UploadStore.announced(Self.content, "folder/a")
        _ = try lab.store.partials.create(file)
        _ = try lab.store.complete(Self.content, of: file)
        let image = try #require(images.all.first { $0.step == .contentLinked })
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(image.root)/.receiver/partials/pi-01")
        #expect(names.count == 2)
        let store = try UploadStore(opening: image.root)
        #expect(store.recovery.partialsRemoved == 1)
        #expect(try store.partials.create(file).offset == 0)
        #expect(try store.send(Array("other".utf8), of: file, upTo: 5) == 5)
        #expect(try Data(contentsOf: URL(fileURLWithPath: "\(image.root)/\(Self.file)")) == Data(Self.content))
    }
}
