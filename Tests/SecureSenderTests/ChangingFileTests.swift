import CommandSupport
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("A file that changes")
struct ChangingFileTests {
    @Test("while it is sent fails alone, and stays")
    func duringUpload() async throws {
        let station = try Station(files: ["a": "1", "c": "3"])
        try station.write(String(repeating: "x", count: 100_000), to: "b", age: 1)
        let answers = station.answers
        let path = station.folder("data/b")
        let receiver = try station.listen { connection in
            while true {
                let request = try connection.nextRequest()
                if request.target == "/v1/files/b" {
                    let handle = try #require(FileHandle(forWritingAtPath: path))
                    try handle.seekToEnd()
                    try handle.write(contentsOf: Data("more".utf8))
                }
                try connection.send(try answers.receipt(for: request))
            }
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.failures.map(\.message) == ["b could not be sent"])
        #expect(outcome.failures.first?.reason == "it changed while it was being sent")
        #expect(Set(outcome.sent) == ["a", "c"])
        #expect(station.waitingFiles == ["b"])
    }

    @Test("by becoming shorter ends only its own request, and the others go on over a new connection")
    func truncated() async throws {
        let station = try Station(files: ["c": "3"])
        try station.write(String(repeating: "x", count: 40 << 20), to: "b", age: 100)
        let answers = station.answers
        let path = station.folder("data/b")
        let receiver = try station.listen { connection in
            guard connection.number == 0 else { return try answers.serve(connection) }
            _ = try connection.nextHead()
            truncate(path, 10)
            _ = try connection.take(40 << 20)
        }
        var settings = SenderSettings.quick
        settings.inPartsAbove = .max
        let outcome = try await station.run(to: receiver.port, settings: settings)
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.failures.map(\.reason) == ["it changed while it was being sent"])
        #expect(outcome.sent == ["c"])
        #expect(station.waitingFiles == ["b"])
    }

    @Test("by having its folder renamed fails alone, and says so")
    func folderRenamed() async throws {
        let station = try Station(files: ["d/a": "1", "b": "2"])
        let receiver = try station.listen { answers, request in
            rename(station.folder("data/d"), station.folder("data/e"))
            return try answers.answer(to: request)
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.failures.map(\.reason) == ["it was removed, moved or renamed while it was being sent"])
        #expect(outcome.sent == ["b"])
        #expect(station.waitingFiles == ["e/a"])
    }

    @Test("by being removed while it is hashed is no failure")
    func removedWhileHashed() async throws {
        let station = try Station(files: ["a": "1"])
        try station.write(String(repeating: "x", count: 1 << 20), to: "b", age: 1000)
        let receiver = try station.listenHonestly()
        var settings = SenderSettings.inSmallParts
        settings.hashedAtATime = 1
        let outcome = try await station.run(to: receiver.port, settings: settings) { event in
            // One piece or two of it are hashed by then.
            if case .connecting = event { unlink(station.folder("data/b")) }
        }
        #expect(outcome.status == .success)
        #expect(outcome.failures == [])
        #expect(outcome.sent == ["a"])
    }

    @Test("by being removed between two of its parts is told as such, and not as changed")
    func removedBetweenParts() async throws {
        let station = try Station()
        try station.write(String(repeating: "x", count: 1 << 20), to: "b", age: 1000)
        let receiver = try station.listenHonestly()
        let outcome = try await station.run(to: receiver.port, settings: .inSmallParts) { event in
            if case .begun = event { unlink(station.folder("data/b")) }
        }
        #expect(outcome.failures.map(\.reason) == ["it was removed, moved or renamed while it was being sent"])
    }

    @Test("by becoming unreadable is told as such, and not as changed")
    func unreadable() async throws {
        let station = try Station(files: ["a": "1"])
        let receiver = try station.listenHonestly()
        let outcome = try await station.run(to: receiver.port) { event in
            // It is open by then, and a folder in its place can be read no more than a bad sector (read(2), EISDIR).
            if case .begun = event { replaceDescriptor(of: station.folder("data/a"), by: station.folder("data")) }
        }
        #expect(outcome.failures.map(\.message) == ["a could not be sent"])
        #expect(outcome.failures.first?.reason?.contains("Is a directory") == true)
        #expect(station.waitingFiles == ["a"])
    }

    @Test("between two connections is not sent as the one that was hashed")
    func betweenConnections() async throws {
        let station = try Station(files: ["a": "old"])
        let store = Store()
        let answers = station.answers
        let receiver = try station.listen { connection in
            if connection.number > 0 { return try answers.serve(connection, into: store) }
            _ = try connection.nextRequest()
            try station.folder.write(Array("new".utf8), to: "data/a")
        }
        let outcome = try await station.run(to: receiver.port)
        #expect(outcome.failures.map(\.reason) == ["it changed while it was being sent"])
        #expect(store.all.isEmpty)
        #expect(station.waitingFiles == ["a"])
    }
}

/// From now on what this process reads from `path`, which it has open, comes from `other`.
private func replaceDescriptor(of path: String, by other: String) {
    let descriptor = open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { close(descriptor) }
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    for number in numbers.compactMap({ Int32($0) }) where number != descriptor {
        guard (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")) == path else {
            continue
        }
        dup2(descriptor, number)
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    }
}
