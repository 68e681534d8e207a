import CommandSupport
import Files
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("A file that the receiver refused", .timeLimit(.minutes(1)))
struct RefusedFilesTests {
    private let start = Uptime(sinceStart: .seconds(1000))

    private func fingerprint(_ path: String) throws -> Fingerprint {
        Fingerprint(try #require(try fileStatus(path, followingLinks: false)))
    }

    @Test("is spared for a while that doubles, up to an hour, as long as it is the same")
    func pauses() throws {
        let folder = try TemporaryFolder()
        try folder.write([1], to: "a")
        let file = try fingerprint(folder("a"))
        var files = RefusedFiles()
        #expect(!files.spares(file, at: start))
        #expect(files.retryTime(after: start) == nil)
        var now = start
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            files.add(file, at: now)
            #expect(files.retryTime(after: now) == now + .seconds(60 * minutes))
            #expect(files.spares(file, at: now + .seconds(60 * minutes - 1)))
            now = now + .seconds(60 * minutes)
            #expect(files.retryTime(after: now) == nil)
            #expect(!files.spares(file, at: now))
        }
        files.add(file, at: now)
        try folder.write([1, 2], to: "a")
        #expect(!files.spares(try fingerprint(folder("a")), at: now))
    }

    @Test("is not read and sent again at the next look, unless it was changed")
    func nextLook() throws {
        let station = try Station(files: ["a": "1", "b": "2"])
        let store = Store()
        let receiver = try station.listen(into: store) { answers, request in
            let isRefused = request.target.hasSuffix("a") && request.body == [UInt8(ascii: "1")]
            return isRefused ? answers.problem(.pathConflict) : try answers.receipt(for: request)
        }
        let sender = try station.sender(to: receiver.port) { _ in }
        #expect(try sender.sendAll().status == .temporaryFailure)
        try station.write("3", to: "c")
        // It still waits.
        #expect(try sender.sendAll().status == .temporaryFailure)
        #expect(store.targets.map { $0.suffix(1) } == ["a", "b", "c"])
        #expect(station.waitingFiles == ["a"])
        try station.write("4", to: "a")
        #expect(try sender.sendAll().status == .success)
        #expect(store.targets.map { $0.suffix(1) } == ["a", "b", "c", "a"])
        #expect(station.waitingFiles == [])
    }

    /// A file with two names takes two looks.
    @Test(
        "counts at the end of a run of several looks, unless it was sent by then",
        arguments: [(Problem.tooLarge, Int.max), (.digestMismatch, 2)])
    func severalLooks(problem: Problem, times: Int) async throws {
        let station = try Station(files: ["a": "1", "b": "2"])
        link(station.folder("data/b"), station.folder("data/c"))
        let asked = SharedCount()
        let receiver = try station.listen { answers, request in
            guard request.target.hasSuffix("a"), asked.value < times else { return try answers.answer(to: request) }
            asked.add()
            return answers.problem(problem)
        }
        let outcome = try await station.sendAll(to: receiver.port)
        #expect(outcome.failures.map(\.message) == ["a could not be sent"])
        let ends = outcome.events.compactMap { event in
            if case .finished(let sent, let waiting, _) = event { [sent, waiting] } else { nil }
        }
        #expect(ends == (times == 2 ? [[1, 1], [2, 0]] : [[1, 1], [1, 1]]))
        #expect(outcome.status == (times == 2 ? .success : .temporaryFailure))
        #expect(station.waitingFiles == (times == 2 ? [] : ["a"]))
    }

    @Test("is not the only thing that the next look remembers: so is a link that breaks soon")
    func nextLookOverBadLink() throws {
        let station = try Station(files: ["a": "1"])
        let answers = station.answers
        let store = Store()
        let receiver = try station.listen { connection in
            if connection.number == 0 {
                _ = try connection.nextRequest()
                return connection.reset()
            }
            try answers.serve(connection, into: store)
        }
        let sender = try station.sender(to: receiver.port) { _ in }
        _ = try sender.sendAll()
        try station.write(String(repeating: "b", count: 100_000), to: "b")
        _ = try sender.sendAll()
        #expect(store.all.map(\.method).prefix(3) == ["PUT", "POST", "PATCH"])
        #expect(station.waitingFiles == [])
    }
}
