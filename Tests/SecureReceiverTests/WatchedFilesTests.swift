import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import SecureReceiver

@Suite("What a watched file says")
struct WatchedFilesTests {
    private let folder: TemporaryFolder
    private let time = TestTime()
    private let watched: WatchedFiles<String>

    private final class TestTime: Sendable {
        private let value = Mutex(ContinuousClock.now)
        var now: ContinuousClock.Instant { value.withLock { $0 } }
        func advance(by duration: Duration) { value.withLock { $0 += duration } }
    }

    init() throws {
        let (folder, time) = (try TemporaryFolder(), time)
        try folder.write(Array("before".utf8), to: "ids.txt")
        self.folder = folder
        watched = try WatchedFiles(
            "identifiers", paths: [folder("ids.txt")], logger: Logger(label: "test") { _ in TestLog() },
            load: { _ in String(decoding: try folder.read("ids.txt"), as: UTF8.self) }, now: { time.now })
    }

    /// As its writer would, so that it is as young as can be.
    private func empty() throws {
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder("ids.txt")))
        try file.truncate(atOffset: 0)
        #expect(futimens(file.fileDescriptor, nil) == 0)
        try file.close()
    }

    @Test("counts for a second after it was seen emptied, however often it is emptied again")
    func isEmptied() throws {
        try empty()
        #expect(watched.current == "before")
        time.advance(by: .milliseconds(900))
        try empty()
        #expect(watched.current == "before")
        time.advance(by: .milliseconds(200))
        try empty()
        #expect(watched.current == "")
    }

    @Test("counts until its writer has filled it again, each time anew")
    func isFilled() throws {
        for text in ["first", "second"] {
            let earlier = watched.current
            try empty()
            #expect(watched.current == earlier)
            time.advance(by: .milliseconds(900))
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder("ids.txt")))
            try file.write(contentsOf: Data(text.utf8))
            try file.close()
            #expect(watched.current == text)
        }
    }

    @Test("counts at once if it is put in the other's place, also empty")
    func isReplaced() throws {
        try folder.write([], to: "new")
        #expect(rename(folder("new"), folder("ids.txt")) == 0)
        #expect(watched.current == "")
    }

    @Test("goes on to count if it is removed")
    func isRemoved() throws {
        #expect(unlink(folder("ids.txt")) == 0)
        #expect(watched.current == "before")
    }
}
