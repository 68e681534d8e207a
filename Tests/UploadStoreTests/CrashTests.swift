import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@Suite("After a crash")
struct CrashTests {
    static let features = [
        SystemFeatures(unnamedFiles: true, openBeneath: true), SystemFeatures(unnamedFiles: false, openBeneath: true),
    ]
    static let path = "folder/a"
    static let file = "pi-01/folder/a"
    static let newSteps: [CommitStep] = [.creationNoted, .receiptLinked, .contentLinked]
    static let replacementSteps: [CommitStep] = [
        .replacementContentLinked, .replacementReceiptLinked, .intentLinked, .earlierContentLinked,
        .earlierReceiptLinked, .receiptReplaced, .contentReplaced, .intentRemoved,
    ]

    @Test(
        "at any step of a new file, the file is whole with its receipt, or not there and not in the way",
        arguments: features)
    func new(features: SystemFeatures) throws {
        let folder = try TemporaryFolder()
        let images = try CrashImages(of: folder("received_files"))
        let lab = try StoreFixture(in: folder, features: features, observe: images.observe)
        try lab.put("one".utf8, Self.path)
        #expect(images.all.map(\.step) == Self.newSteps)
        for image in images.all {
            let store = try UploadStore(opening: image.root)
            let isThere = FileManager.default.fileExists(atPath: "\(image.root)/\(Self.file)")
            #expect(isThere == (image.step == .contentLinked))
            if isThere { try expectWhole(Self.file, ["one"], in: image.root) }
            try expectNoNotes(in: image.root)
            #expect(try store.put("one".utf8, Self.path) == (isThere ? .unchanged : .created))
            try expectWhole(Self.file, ["one"], in: image.root)
        }
    }

    @Test(
        "at any step of a replacement, and of its repair, the old or the new is whole and every version kept",
        arguments: features)
    func replacement(features: SystemFeatures) throws {
        let folder = try TemporaryFolder()
        let images = try CrashImages(of: folder("received_files"))
        let lab = try StoreFixture(in: folder, features: features, observe: images.observe)
        try lab.put("zero".utf8, Self.path)
        try lab.put("one".utf8, Self.path)
        let earlier = images.all.count
        try lab.put("two".utf8, Self.path)
        #expect(images.all.dropFirst(earlier).map(\.step) == Self.replacementSteps)

        for image in images.all.dropFirst(earlier) {
            let repairs = try CrashImages(of: image.root)
            let store = try UploadStore(opening: image.root, features: features, observe: repairs.observe)
            let isFinished = ![.replacementContentLinked, .replacementReceiptLinked].contains(image.step)
            #expect(store.recovery.finished == (isFinished && image.step != .intentRemoved ? 1 : 0))
            #expect(store.recovery.unfinished.isEmpty)
            try expectRepaired(image.root, isFinished: isFinished)
            #expect(try store.put("two".utf8, Self.path) == (isFinished ? .unchanged : .replaced))
            try expectRepaired(image.root, isFinished: true)
            // A crash while the start repairs, or while the upload above replaces.
            for repair in repairs.all where isFinished {
                _ = try UploadStore(opening: repair.root)
                try expectRepaired(repair.root, isFinished: true)
            }
        }
    }

    private func expectRepaired(_ root: String, isFinished: Bool) throws {
        try expectWhole(Self.file, [isFinished ? "two" : "one"], in: root)
        for earlier in isFinished ? ["zero", "one"] : ["zero"] {
            try expectWhole("pi-01/.versions/folder/a/\(sha256(earlier.utf8))", [earlier], in: root)
        }
        try expectNoNotes(in: root)
    }

    private func expectWhole(_ name: String, _ contents: Set<String>, in root: String) throws {
        let content = try Data(contentsOf: URL(fileURLWithPath: "\(root)/\(name)"))
        #expect(contents.contains(String(decoding: content, as: UTF8.self)))
        let beside = try Array(Data(contentsOf: URL(fileURLWithPath: "\(root)/\(name).sha256")))
        let last = String(name.split(separator: "/").last!)
        let receipt = try #require(ReceiptFile(parsing: beside, name: last))
        #expect(receipt.digest.hex == sha256(content))
        // The receipt is of this content too, not only the line that sha256sum reads.
        #expect(receipt.comments.contains { $0.contains("\"sha256\":\"\(sha256(content))\"") })
    }

    private func expectNoNotes(in root: String) throws {
        let notes = FileManager.default.enumerator(atPath: "\(root)/.receiver")?.compactMap { $0 as? String } ?? []
        #expect(Set(notes) == ["lock", "tmp", "creating", "replacing"])
    }
}
