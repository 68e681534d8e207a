import Foundation
import Synchronization
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@Suite("A replacement that fails halfway")
struct FailureTests {
    @Test("is undone if no final name was touched")
    func undone() throws {
        let folder = try TemporaryFolder()
        let receipt = folder("received_files/pi-01/a.sha256")
        let lab = try StoreFixture(in: folder, observe: sabotage(at: .intentLinked, receipt))
        try lab.put("one".utf8, "a")
        #expect(throws: StoreError.pathConflict(PathConflict(path: receipt, wanted: .file))) {
            try lab.put("two".utf8, "a")
        }
        #expect(lab.notes.isEmpty)
        #expect(try lab.read("pi-01/a") == "one")
        try FileManager.default.removeItem(atPath: receipt)
        #expect(try lab.put("two".utf8, "a") == .replaced)
        #expect(try lab.read("pi-01/a") == "two")
        #expect(lab.notes.isEmpty)
    }

    @Test("leaves no earlier version without a receipt")
    func takenBack() throws {
        let folder = try TemporaryFolder()
        let temporary = folder("received_files/.receiver/tmp")
        let isDone = SingleUse()
        let lab = try StoreFixture(in: folder) { reached in
            guard reached == .earlierContentLinked, isDone.take() else { return }
            // Where the receipt would be written.
            try? FileManager.default.removeItem(atPath: temporary)
            _ = FileManager.default.createFile(atPath: temporary, contents: nil)
        }
        try lab.put("one".utf8, "a")
        #expect(throws: StoreError.self) { try lab.put("two".utf8, "a") }
        #expect(lab.stored == ["pi-01/a", "pi-01/a.sha256"])
        #expect(try lab.findings().isEmpty)
        try FileManager.default.removeItem(atPath: temporary)
        #expect(try lab.put("two".utf8, "a") == .replaced)
        #expect(try lab.read("pi-01/.versions/a/\(sha256("one".utf8))") == "one")
        #expect(try lab.findings().isEmpty)
    }

    @Test("is finished before the next upload of that name, whatever that is")
    func finishedLater() throws {
        let folder = try TemporaryFolder()
        let file = folder("received_files/pi-01/a")
        let lab = try StoreFixture(in: folder, observe: sabotage(at: .receiptReplaced, file))
        try lab.put("one".utf8, "a")
        #expect(throws: StoreError.self) { try lab.put("two".utf8, "a") }
        #expect(lab.notes.count == 2)
        // As long as it cannot be finished, nothing is stored there; elsewhere all goes on.
        #expect(throws: StoreError.self) { try lab.put("three".utf8, "a") }
        #expect(try lab.put("three".utf8, "b") == .created)
        try FileManager.default.removeItem(atPath: file)
        #expect(try lab.put("three".utf8, "a") == .replaced)
        #expect(try lab.read("pi-01/a") == "three")
        for earlier in ["one", "two"] {
            #expect(try lab.read("pi-01/.versions/a/\(sha256(earlier.utf8))") == earlier)
        }
        #expect(lab.notes.isEmpty)
    }

    @Test("and that a start cannot finish either is kept for the next upload of that name")
    func finishedAfterStart() throws {
        let folder = try TemporaryFolder()
        let file = folder("received_files/pi-01/a")
        do {
            let lab = try StoreFixture(in: folder, observe: sabotage(at: .receiptReplaced, file))
            try lab.put("one".utf8, "a")
            #expect(throws: StoreError.self) { try lab.put("two".utf8, "a") }
        }
        let store = try UploadStore(opening: folder("received_files"))
        #expect(store.recovery.unfinished.count == 1)
        #expect(store.recovery.unfinished.first?.hasPrefix("pi-01/a: ") == true)
        try FileManager.default.removeItem(atPath: file)
        #expect(try store.put("two".utf8, "a") == .unchanged)
        #expect(try folder.read("received_files/pi-01/a") == Array("two".utf8))
        #expect(folder.files(below: "received_files/.receiver") == ["lock"])
    }

    /// Puts a folder in the place of `path` when a commit comes to `step` for the first time.
    private func sabotage(at step: CommitStep, _ path: String) -> StepObserver {
        let isDone = SingleUse()
        return { reached in
            guard reached == step, isDone.take() else { return }
            try? FileManager.default.removeItem(atPath: path)
            try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        }
    }
}

private final class SingleUse: Sendable {
    private let isUsed = Atomic(false)

    func take() -> Bool { !isUsed.exchange(true, ordering: .relaxed) }
}
