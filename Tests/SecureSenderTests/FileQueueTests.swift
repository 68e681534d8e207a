import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("The queue of files")
struct FileQueueTests {
    /// A queue over files of these sizes, the first one oldest; above 100 bytes they are large.
    private func queue(
        _ sizes: [(String, Int)], newestEvery: Int = 0, hashedAtATime: Int = 1 << 20, large: FileQueue.Lane = .init(),
        quietTime: QuietTime = QuietTime(.zero)
    ) throws -> (FileQueue, TemporaryFolder) {
        let folder = try TemporaryFolder()
        for (index, (name, size)) in sizes.enumerated() {
            try folder.write([UInt8](repeating: 1, count: size), to: "data/\(name)")
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 1e9 + Double(index))],
                ofItemAtPath: folder("data/\(name)"))
        }
        var settings = SenderSettings()
        settings.inPartsAbove = 100
        settings.newestEvery = newestEvery
        settings.hashedAtATime = hashedAtATime
        let source = try Folder(opening: folder("data"))
        let scan = try FileScan(of: source, leavingOut: nil, quietTime: quietTime)
        return (
            FileQueue(FileSource(scan.files, folder: source), folder: source, settings: settings, large: large), folder
        )
    }

    /// The names in the order in which they become ready, one step of each lane at a time.
    private func drain(_ queue: inout FileQueue) -> (small: [String], large: [String]) {
        var names: (small: [String], large: [String]) = ([], [])
        while queue.count > 0 {
            _ = queue.prepareSmall()
            if let file = queue.takeSmall() { names.small.append(file.upload.file.path.name) }
            _ = queue.prepareLarge()
            if let file = queue.takeLarge() { names.large.append(file.upload.file.path.name) }
        }
        return names
    }

    @Test("makes the oldest ready first, and every so often the newest")
    func order() throws {
        let names = (0..<7).map { "f\($0)" }
        var (queue, folder) = try queue(names.map { ($0, 1) }, newestEvery: 3)
        defer { withExtendedLifetime(folder) {} }
        #expect(queue.count == 7)
        let drained = drain(&queue)
        #expect(drained.small == ["f0", "f1", "f6", "f2", "f3", "f5", "f4"])
        #expect(!queue.hasWork)
    }

    @Test("does not let small files wait for large ones before them")
    func lanes() throws {
        var (queue, folder) = try queue([("l1", 1 << 20), ("l2", 2 << 20), ("s1", 1), ("s2", 2)], hashedAtATime: 10)
        defer { withExtendedLifetime(folder) {} }
        var steps = 0
        var small: [String] = []
        while small.count < 2, steps < 100 {
            steps += 1
            _ = queue.prepareSmall()
            if let file = queue.takeSmall() { small.append(file.upload.file.path.name) }
            _ = queue.prepareLarge()
        }
        #expect(small == ["s1", "s2"])
        #expect(steps <= 5)
        #expect(queue.readyLarge == nil)
        #expect(queue.largeHashing?.path.name == "l1")
        let drained = drain(&queue)
        #expect(drained.large == ["l1", "l2"])
    }

    @Test("has so many large files wait that memory stays bounded, and leaves the others to the next look")
    func manyLarge() throws {
        let count = FileQueue.mostLargeWaiting + 20
        var (queue, folder) = try queue((0..<count).map { ("l\($0 + 100)", 101) } + [("s", 1)])
        defer { withExtendedLifetime(folder) {} }
        // None of the large ones is hashed or sent meanwhile.
        while queue.mayPrepareSmall { _ = queue.prepareSmall() }
        #expect(queue.readySmall?.upload.file.path.name == "s")
        #expect(queue.leftCount == 19)
        let drained = drain(&queue)
        #expect(drained.small == ["s"])
        #expect(drained.large == (0..<FileQueue.mostLargeWaiting + 1).map { "l\($0 + 100)" })
    }

    @Test("goes on with the large file that an earlier look has begun, before all others")
    func begun() throws {
        var (before, folder) = try queue([("old", 101), ("begun", 1 << 20)], hashedAtATime: 300)
        _ = before.prepareSmall()
        _ = before.prepareSmall()
        for _ in 0..<2 { _ = before.prepareLarge() }
        #expect(before.takeLarge()?.upload.file.path.name == "old")
        for _ in 0..<2 { _ = before.prepareLarge() }
        let position = try #require(before.largeHashing?.position)
        #expect((1..<1 << 20).contains(position))

        var (queue, other) = try queue([("older", 101)], large: before.large)
        defer { withExtendedLifetime((folder, other)) {} }
        #expect(queue.largeHashing?.position == position)
        #expect(queue.count == 2)
        let drained = drain(&queue)
        #expect(drained.large == ["begun", "older"])
    }

    @Test("hashes nothing for which the receiver has no room")
    func noRoom() throws {
        var (queue, folder) = try queue([("begun", 1 << 20), ("l", 2 << 20), ("s", 60), ("t", 1)], hashedAtATime: 10)
        defer { withExtendedLifetime(folder) {} }
        _ = queue.prepareSmall()
        _ = queue.prepareLarge()
        #expect(queue.largeHashing?.path.name == "begun")
        queue.room.missed(50, reason: "full", at: .now)
        var steps = 0
        while queue.hasWork, queue.readySmall == nil {
            _ = queue.prepareSmall()
            _ = queue.prepareLarge()
            steps += 1
        }
        #expect(queue.readySmall?.upload.file.path.name == "t")
        #expect(steps <= 4)
        #expect(queue.room.leftCount == 3)
        #expect(queue.count == 1)
    }

    @Test("has a file hashed again once, and says that it is the second time")
    func again() throws {
        var (queue, folder) = try queue([("a", 1)])
        defer { withExtendedLifetime(folder) {} }
        _ = queue.prepareSmall()
        let taken = queue.takeSmall()
        let first = try #require(taken)
        #expect(!first.upload.isSecondTry)
        expectEqual(queue.tryAgain(first.upload.file), true)
        #expect(queue.count == 1)
        _ = queue.prepareSmall()
        let takenAgain = queue.takeSmall()
        let second = try #require(takenAgain)
        #expect(second.upload.isSecondTry)
        expectEqual(queue.tryAgain(second.upload.file), false)
        #expect(queue.count == 0)
    }

    @Test("asks for the quiet time again of what is hashed again, and of what has waited for a large file")
    func quietTime() throws {
        let quietTime = QuietTime(.seconds(60))
        var (queue, folder) = try queue([("a", 1), ("l1", 101), ("l2", 101), ("l3", 101)], quietTime: quietTime)
        _ = queue.prepareSmall()
        let first = queue.takeSmall()
        let file = try #require(first).upload.file
        while queue.mayPrepareSmall { _ = queue.prepareSmall() }
        for name in ["a", "l2"] { try folder.write([UInt8](repeating: 2, count: 200), to: "data/\(name)") }
        expectEqual(queue.tryAgain(file), true)
        guard case .obstacle(file.path, .beingWritten) = queue.prepareSmall() else {
            Issue.record("hashed a file that was changed a moment ago")
            return
        }
        var obstacles: [FileObstacle] = []
        var large: [String] = []
        while queue.count > 0 {
            if case .obstacle(let path, let obstacle) = queue.prepareLarge(), path.name == "l2" {
                obstacles.append(obstacle)
            }
            if let ready = queue.takeLarge() { large.append(ready.upload.file.path.name) }
        }
        #expect(obstacles == [.beingWritten])
        #expect(large == ["l1", "l3"])
    }

    @Test("passes over a file that is gone since the scan")
    func gone() throws {
        var (queue, folder) = try queue([("a", 1), ("b", 1)])
        try FileManager.default.removeItem(atPath: folder("data/a"))
        let drained = drain(&queue)
        #expect(drained.small == ["b"])
    }
}

@Suite("Before anything is sent")
struct WarningTests {
    @Test("a certificate that is about to end is told, the Pi's and the receiver's, and once")
    func certificates() async throws {
        let station = try Station(files: ["a": "1", "b": "2"])
        let receiver = try station.listenHonestly()
        var settings = SenderSettings.quick
        settings.certificateWarning = .seconds(1000 * 86_400)
        let outcome = try await station.run(to: receiver.port, settings: settings)
        let told = outcome.events.compactMap { event in
            if case .certificateEnds(let holder, _, let remaining) = event, remaining > .zero { holder } else { nil }
        }
        #expect(told == [.pi, .receiver])
        try station.write("3", to: "c")
        settings.certificateWarning = .seconds(86_400)
        let quiet = try await station.run(to: receiver.port, settings: settings)
        #expect(!quiet.events.contains { if case .certificateEnds = $0 { true } else { false } })
    }

    @Test("ChaCha20 comes first where the processor has no instructions for AES")
    func cipherOrder() throws {
        let station = try Station()
        let identity = try PiIdentity(readingFrom: IdentityFolder(path: station.folder("identity")))
        let processor = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
        let flags = processor.split(separator: "\n").first { $0.hasPrefix("flags") || $0.hasPrefix("Features") }
        let hasAES = try #require(flags).split(separator: " ").contains("aes")
        #expect(TLSConfiguration.sender(identity, certificateTime: .systemClock).prefersChaCha20 == !hasAES)
    }
}
