import Files
import Foundation
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import UploadStore

@Suite("The store's own folder")
struct NotesTests {
    private static let content = PartialTests.content

    private final class Warnings: Sendable {
        private let collected = Mutex<[StoreWarning]>([])
        var all: [StoreWarning] { collected.withLock { $0 } }
        func add(_ warning: StoreWarning) { collected.withLock { $0.append(warning) } }
        func clear() { collected.withLock { $0 = [] } }
    }

    private let folder: TemporaryFolder
    private let warnings = Warnings()
    private var notes: String { folder("received_files/.receiver") }

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder("received_files"), withIntermediateDirectories: false)
    }

    private func open(
        _ features: SystemFeatures? = nil, observe: @escaping StepObserver = { _ in }
    ) throws -> UploadStore {
        let warnings = warnings
        return try UploadStore(
            opening: folder("received_files"), features: features, warn: { warnings.add($0) }, observe: observe)
    }

    enum Loss: CaseIterable { case removed, movedAway, emptied, withoutTemporaries }

    private func lose(_ loss: Loss) throws { try Self.lose(loss, in: folder) }

    private static func lose(_ loss: Loss, in folder: TemporaryFolder) throws {
        let manager = FileManager.default
        let notes = folder("received_files/.receiver")
        switch loss {
        case .removed: try manager.removeItem(atPath: notes)
        case .movedAway: #expect(rename(notes, folder("elsewhere")) == 0)
        case .emptied:
            for name in try manager.contentsOfDirectory(atPath: notes) {
                try manager.removeItem(atPath: "\(notes)/\(name)")
            }
        case .withoutTemporaries: try manager.removeItem(atPath: "\(notes)/tmp")
        }
    }

    @Test("is made anew where somebody removes it or what is in it: uploads go on", arguments: Loss.allCases)
    func isMadeAnew(loss: Loss) throws {
        for features in UnderWayTests.features {
            let store = try open(features)
            try store.put("one".utf8, "a")
            try lose(loss)
            #expect(try store.put("two".utf8, "b") == .created)
            #expect(warnings.all == [.notesMadeAnew(notes)])
            #expect(try store.put("three".utf8, "a") == .replaced)
            #expect(warnings.all.count == 1)
            let file = try UploadStore.announced(Self.content, "c")
            _ = try store.partials.create(file)
            #expect(try store.complete(Self.content, of: file) == .created)
            #expect(try folder.read("received_files/pi-01/a") == Array("three".utf8))
            let names = try FileManager.default.contentsOfDirectory(atPath: notes)
            #expect(Set(names) == ["lock", "tmp", "creating", "replacing", "partials"])
            #expect(try FileManager.default.attributesOfItem(atPath: notes)[.posixPermissions] as? Int == 0o700)
            // The lock as well: nobody else opens the store meanwhile.
            #expect(throws: StoreError.inUse(folder("received_files"))) { try open() }
            try FileManager.default.removeItem(atPath: folder("received_files"))
            try? FileManager.default.removeItem(atPath: folder("elsewhere"))
            try FileManager.default.createDirectory(
                atPath: folder("received_files"), withIntermediateDirectories: false)
            warnings.clear()
        }
    }

    @Test("may go while uploads are under way: these are stored, or begin anew", arguments: Loss.allCases)
    func goesUnderUploads(loss: Loss) throws {
        let store = try open(SystemFeatures(unnamedFiles: true, openBeneath: true))
        try store.put("one".utf8, "a")
        let (new, other) = (try store.receive("two".utf8, "b"), try store.receive("three".utf8, "a"))
        let file = try UploadStore.announced(Self.content, "c")
        _ = try store.partials.create(file)
        let partial = try #require(try store.open(file))
        try partial.write(Self.content)
        try lose(loss)
        #expect(try store.commit(new) == .created)
        #expect(try store.commit(other) == .replaced)
        if loss == .withoutTemporaries {
            #expect(try partial.save() == Int64(Self.content.count))
        } else {
            #expect(throws: StoreError.self) { try partial.save() }
            #expect(try store.partials.status(of: PartialKey(file)) == nil)
        }
        #expect(try folder.read("received_files/pi-01/a") == Array("three".utf8))
    }

    private static let steps: [CommitStep] = [
        .creationNoted, .receiptLinked, .contentLinked, .replacementContentLinked, .replacementReceiptLinked,
        .intentLinked,
        .earlierContentLinked, .earlierReceiptLinked, .receiptReplaced, .contentReplaced, .intentRemoved,
    ]

    @Test(
        "may go at any step of a commit: what is acknowledged then is stored, and what is not can be sent again",
        arguments: Loss.allCases, UnderWayTests.features)
    func goesUnderCommit(loss: Loss, features: SystemFeatures) throws {
        for step in Self.steps {
            let name = "received_files/pi-01/\(step)"
            let isDue = Mutex(false)
            let store = try open(features) { [folder] seen in
                guard seen == step, isDue.withLock({ exchange(&$0, with: false) }) else { return }
                do { try Self.lose(loss, in: folder) } catch { Issue.record(error) }
            }
            let isCreation = [.creationNoted, .receiptLinked, .contentLinked].contains(step)
            if !isCreation { try store.put("one".utf8, "\(step)") }
            isDue.withLock { $0 = true }
            let result = try? store.put("two".utf8, "\(step)")
            #expect(!isDue.withLock { $0 })
            if result != nil {
                #expect(try folder.read(name) == Array("two".utf8), "\(step)")
            } else {
                try store.put("two".utf8, "\(step)")
            }
            #expect(try folder.read(name) == Array("two".utf8))
            if !isCreation {
                let earlier = "received_files/pi-01/.versions/\(step)/\(sha256("one".utf8))"
                #expect(try folder.read(earlier) == Array("one".utf8))
            }
            try? FileManager.default.removeItem(atPath: folder("elsewhere"))
        }
    }

    @Test(
        "is in use only where its lock says so, and not where a file under somebody's lease would have to be waited for"
    )
    func isInUseByItsLock() {
        let error = SystemCallError("open", "a", code: EWOULDBLOCK)
        #expect(StoreError(error) == .failed(error))
    }

    @Test("is not made anew under another receiver that has taken the store meanwhile")
    func isTaken() throws {
        let store = try open()
        try lose(.removed)
        let other = try open()
        #expect(throws: StoreError.inUse(folder("received_files"))) { try store.put("one".utf8, "a") }
        #expect(warnings.all.isEmpty)
        #expect(try other.put("one".utf8, "a") == .created)
        withExtendedLifetime(other) {}
    }

    enum Obstacle: CaseIterable { case file, link, danglingLink, fifo, folder }

    /// `name`: below `.receiver`, or that itself if empty.
    private func put(_ obstacle: Obstacle, at name: String) throws -> String {
        let path = name.isEmpty ? notes : "\(notes)/\(name)"
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        switch obstacle {
        case .file: try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
        case .link:
            try folder.write([], to: "outside/file")
            let target = folder(name == "lock" ? "outside/file" : "outside")
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
        case .danglingLink: try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "nowhere")
        case .fifo: #expect(mkfifo(path, 0o600) == 0)
        case .folder: try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        }
        return path
    }

    @Test(
        "is not opened, nor goes on, with anything but a regular file for its lock: a FIFO keeps nobody waiting",
        arguments: [Obstacle.link, .danglingLink, .fifo, .folder])
    func lockIsNoFile(obstacle: Obstacle) throws {
        let path = try put(obstacle, at: "lock")
        let error = StoreError.obstructed(PathConflict(path: path, wanted: .file))
        #expect(throws: error) { try open() }
        #expect(error.description.contains("\(path) is not the file that the receiver keeps there; move it away"))
        try FileManager.default.removeItem(atPath: path)

        let store = try open()
        try store.put("one".utf8, "a")
        _ = try put(obstacle, at: "lock")
        #expect(throws: error) { try store.put("two".utf8, "b") }
        try FileManager.default.removeItem(atPath: path)
        #expect(try store.put("two".utf8, "b") == .created)
        #expect(throws: StoreError.inUse(folder("received_files"))) { try open() }
    }

    @Test(
        "says what has the name of a folder of its own, at the start and later, and goes on when that is gone",
        arguments: [Obstacle.file, .link, .fifo], ["", "tmp", "replacing", "partials", "partials/pi-01"])
    func folderIsNone(obstacle: Obstacle, name: String) throws {
        for features in UnderWayTests.features {
            let path = try put(obstacle, at: name)
            let error = StoreError.obstructed(PathConflict(path: path, wanted: .folder))
            // One Pi's alone keeps no store from being opened.
            if name != "partials/pi-01" { #expect(throws: error) { try open(features) } }
            try FileManager.default.removeItem(atPath: path)

            let store = try open(features)
            let upload = { (content: String) in
                try store.put(content.utf8, "a")
                try store.put("newer than \(content)".utf8, "a")
                _ = try store.partials.create(UploadStore.announced(Self.content, "b"))
            }
            try upload("one")
            _ = try put(obstacle, at: name)
            #expect(throws: error) { try upload("two") }
            try FileManager.default.removeItem(atPath: path)
            try upload("two")
            #expect(folder.files(below: "outside").allSatisfy { $0 == "file" })
            try FileManager.default.removeItem(atPath: folder("received_files/pi-01"))
        }
    }

    @Test(
        "sets aside a folder that lies where a file of its own goes, and what is in it stays", arguments: [false, true])
    func setsAside(isNote: Bool) throws {
        let store = try open()
        let file = try UploadStore.announced(Self.content, "a")
        _ = try store.partials.create(file)
        #expect(try store.send(Self.content, of: file, upTo: 1000) == 1000)
        let name = "partials/pi-01/\(file.id)" + (isNote ? ".note" : "")
        try FileManager.default.removeItem(atPath: "\(notes)/\(name)")
        try folder.write(Array("mine".utf8), to: "received_files/.receiver/\(name)/thesis.txt")

        #expect(try store.open(file) == nil)
        #expect(try store.partials.create(file).offset == 0)
        guard case .setAside("\(notes)/\(name)", let newName)? = warnings.all.first else {
            Issue.record("\(warnings.all)")
            return
        }
        #expect(warnings.all.count == 1)
        #expect(try folder.read("received_files/.receiver/partials/pi-01/\(newName)/thesis.txt") == Array("mine".utf8))
        #expect(try store.complete(Self.content, of: file) == .created)
        // It is nothing that expires.
        #expect(try store.partials.sweep() == 0)
        #expect(FileManager.default.fileExists(atPath: "\(notes)/partials/pi-01/\(newName)/thesis.txt"))
    }

    @Test("sets aside such a folder of another upload that gives way, and refuses nobody")
    func setsAsideOfOther() throws {
        let store = try open()
        let (earlier, file) = (
            try UploadStore.announced([1, 2, 3], "a"), try UploadStore.announced(Self.content, "a")
        )
        _ = try store.partials.create(earlier)
        let name = ".receiver/partials/pi-01/\(earlier.id)"
        try FileManager.default.removeItem(atPath: folder("received_files/\(name)"))
        try folder.write([1], to: "received_files/\(name)/b")
        #expect(try store.partials.create(file).offset == 0)
        #expect(warnings.all.count == 1)
    }
}

private func exchange(_ value: inout Bool, with new: Bool) -> Bool {
    defer { value = new }
    return value
}
