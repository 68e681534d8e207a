import CommandSupport
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

extension Station {
    /// A file that takes two thousand parts of 1 KiB.
    func writeLarge() throws {
        try write(String(repeating: "large file ", count: (2000 << 10) / 11), to: "large", age: 10)
    }
}

extension Store {
    /// `name` came while the large file was on its way, of which each part came once.
    func expectOnceBeside(_ name: String) {
        let put = all.firstIndex { $0.target == "/v1/files/\(name)" }
        let parts = all.indices.filter { all[$0].method == "PATCH" }
        #expect(put.map { $0 < parts.last ?? 0 } == true)
        let offsets = parts.compactMap { all[$0].fields["upload-offset"].flatMap { Int($0) } }
        #expect(offsets == (0..<parts.count).map { $0 << 10 })
        #expect(all.filter { $0.target == "/v1/files/\(name)" }.count == 1)
    }
}

@Suite("A run with large files", .timeLimit(.minutes(2)))
struct LargeFileTests {
    @Test("looks at the folder again now and then, sends what has come, and goes on with what it has begun")
    func looksAgain() async throws {
        let station = try Station()
        try station.writeLarge()
        let store = Store()
        let receiver = try station.listen(into: store) { answers, request in
            if store.all.count == 5 { try station.write("1", to: "small") }
            return try answers.answer(to: request)
        }
        var settings = StationSettings.inSmallParts
        settings.lookLifetime = .milliseconds(200)
        let outcome = try await station.sendAll(to: receiver.port, settings: settings)
        #expect(outcome.status == .success)
        #expect(outcome.sent.sorted() == ["large", "small"])
        store.expectOnceBeside("small")
        // One run for who reads what it says.
        #expect(outcome.events.filter { if case .started = $0 { true } else { false } }.count == 1)
        let ends = outcome.events.compactMap { if case .finished(let sent, _, _) = $0 { sent } else { nil } }
        #expect(ends == [2])
        let left = outcome.events.compactMap { if case .lookedAgain(_, let bytes) = $0 { bytes } else { nil } }
        #expect(!left.isEmpty)
        #expect(left == left.sorted(by: >))
    }

    @Test("sends the small ones behind more large ones than may wait, and then all of these")
    func manyLarge() async throws {
        let names = (0..<FileQueue.mostLargeWaiting + 10).map { "large\($0 + 100)" }
        let station = try Station(files: ["small": "1"])
        for (index, name) in names.enumerated() {
            try station.write(String(repeating: name, count: 700), to: name, age: 1000 - index)
        }
        let store = Store()
        let receiver = try station.listenHonestly(into: store)
        let outcome = try await station.sendAll(to: receiver.port, settings: .inSmallParts)
        #expect(outcome.status == .success)
        #expect(outcome.sent.sorted() == names + ["small"])
        let announcements = store.all.filter { $0.method != "PATCH" }.map(\.target)
        #expect(try #require(announcements.firstIndex(of: "/v1/files/small")) < 5)
        let ends = outcome.events.compactMap { if case .finished(let sent, _, _) = $0 { sent } else { nil } }
        #expect(ends == [names.count + 1])
    }

    @Test("begins one that has changed meanwhile anew, and forgets one that is gone")
    func changed() throws {
        let station = try Station(files: ["same": "1", "changed": "2", "gone": "3"])
        let folder = try Folder(opening: station.folder("data"))
        let files = try ["same", "changed", "gone"].map {
            let hashing = try FileHashing(UploadPath(segments: [$0]), below: folder)
            return BegunFile(path: hashing.path, fingerprint: hashing.fingerprint)
        }
        try station.write("22", to: "changed")
        try FileManager.default.removeItem(atPath: station.folder("data/gone"))
        let scan = try FileScan(of: folder, leavingOut: nil, begun: files)
        #expect(scan.begun == [files[0]])
        var list = scan.files
        #expect(list.count == 1)
        #expect(list.take(.oldest, at: .now)?.path.description == "changed")
    }
}
