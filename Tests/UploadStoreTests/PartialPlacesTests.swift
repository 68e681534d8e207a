import Foundation
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import UploadStore

@Suite("Among the unfinished uploads of one Pi")
struct PartialPlacesTests {
    /// More than what is taken for little.
    private static let long = [UInt8](repeating: 7, count: (5 << 20) + 1)
    private static let short = PartialTests.content

    private func store(
        in folder: TemporaryFolder, places: Int, observe: @escaping StepObserver = { _ in }
    ) throws -> UploadStore {
        try FileManager.default.createDirectory(atPath: folder("received_files"), withIntermediateDirectories: false)
        var limits = PartialLimits()
        limits.mostOfOnePi = places
        // One second a look: who waited longest is known to one of them.
        let now = Mutex<Int64>(1_800_000_000)
        return try UploadStore(
            opening: folder("received_files"), partials: limits,
            clock: {
                now.withLock { now in
                    now += 1
                    return now
                }
            }, observe: observe)
    }

    private func announce(_ path: String, upTo end: Int = 0, at store: UploadStore) throws -> AnnouncedFile {
        let file = try UploadStore.announced(Self.long, path)
        _ = try store.partials.create(file)
        if end > 0 { _ = try store.send(Self.long, of: file, upTo: end) }
        return file
    }

    @discardableResult
    private func cutOff(
        _ path: String, _ content: [UInt8] = short, upTo end: Int, at store: UploadStore
    ) throws
        -> Int64
    {
        let file = try UploadStore.announced(content, path)
        let whole = try store.begin(pi: file.pi, path: file.path, size: file.size)
        try whole.write(Array(content[..<end]))
        return try store.partials.keep(whole, of: file)
    }

    private func count(in folder: TemporaryFolder) -> Int {
        folder.files(below: "received_files/.receiver/partials").count { $0.hasSuffix(".note") }
    }

    @Test("small ones that were cut off take each other's places, the oldest first, and none of one that is far")
    func sparesAdvanced() throws {
        let folder = try TemporaryFolder()
        let store = try store(in: folder, places: 4)
        let far = try announce("far", upTo: (4 << 20) + 1, at: store)
        let begun = try announce("begun", upTo: 4 << 20, at: store)
        for number in 0..<8 { #expect(try cutOff("\(number)", upTo: 100_000, at: store) == 100_000) }
        #expect(try store.offset(of: far) == (4 << 20) + 1)
        #expect(try store.offset(of: begun) == nil)
        let kept = try (0..<8).map { try store.offset(of: UploadStore.announced(Self.short, "\($0)")) != nil }
        #expect(kept == Array(repeating: false, count: 5) + [true, true, true])
        #expect(count(in: folder) == 4)
    }

    @Test("a small one that was cut off finds no place where all are far; one that is announced, or far itself, does")
    func allAdvanced() throws {
        let folder = try TemporaryFolder()
        let store = try store(in: folder, places: 2)
        let far = try ["a", "b"].map { try announce($0, upTo: (4 << 20) + 1, at: store) }
        #expect(try cutOff("small", upTo: 100_000, at: store) == 0)
        #expect(try store.offset(of: UploadStore.announced(Self.short, "small")) == nil)
        #expect(try far.map { try store.offset(of: $0) != nil } == [true, true])
        #expect(count(in: folder) == 2)

        let announced = try announce("c", at: store)
        #expect(try far.map { try store.offset(of: $0) != nil } == [false, true])
        try cutOff("d", Self.long, upTo: (4 << 20) + 1, at: store)
        #expect(try store.offset(of: announced) == nil)
        try cutOff("e", Self.long, upTo: (4 << 20) + 1, at: store)
        #expect(try far.map { try store.offset(of: $0) != nil } == [false, false])
        #expect(count(in: folder) == 2)
        #expect(store.reservedSpace == 0)
    }

    @Test("no more are kept where several are cut off at once")
    func atOnce() throws {
        let folder = try TemporaryFolder()
        let others = Mutex<(store: UploadStore?, left: Int)>((nil, 0))
        // While one is being kept, the next one is cut off.
        let store = try store(in: folder, places: 4) { step in
            guard step == .partialMade else { return }
            let next = others.withLock { others -> (UploadStore, Int)? in
                guard let store = others.store, others.left > 0 else { return nil }
                others.left -= 1
                return (store, others.left)
            }
            guard let (store, number) = next else { return }
            _ = try? cutOff("next \(number)", upTo: 100_000, at: store)
        }
        for number in 0..<4 { try cutOff("\(number)", upTo: 100_000, at: store) }
        #expect(count(in: folder) == 4)
        others.withLock { $0 = (store, 3) }
        try cutOff("last", upTo: 100_000, at: store)
        #expect(others.withLock { $0.left } == 0)
        #expect(count(in: folder) == 4)
        others.withLock { $0.store = nil }
    }
}
