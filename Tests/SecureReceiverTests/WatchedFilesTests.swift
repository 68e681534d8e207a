import Foundation
import Logging
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("What a watched file says")
struct WatchedFilesTests {
    private let folder: TemporaryFolder
    private let time = TestTime()
    private let watched: WatchedFiles<String>

    init() throws {
        let (folder, time) = (try TemporaryFolder(), time)
        try folder.write(Array("before".utf8), to: "ids.txt")
        self.folder = folder
        watched = try WatchedFiles(
            "identifiers", paths: [folder("ids.txt")], logger: Logger(label: "test") { _ in TestLog() },
            load: { _ in
                let text = String(decoding: try folder.read("ids.txt"), as: UTF8.self)
                if text.isEmpty || text.hasSuffix("…") { throw PerhapsUnfinished(outcome: .success(text)) }
                return text
            }, now: { time.now })
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

    @Test("counts at once if another is put in its place")
    func isReplaced() throws {
        try replace(with: "after")
        #expect(watched.current == "after")
    }

    @Test(
        "counts after a second if an unfinished one is put in its place, also when it was gone before, each time anew")
    func isReplacedByUnfinished() throws {
        var earlier = "before"
        for text in ["", "half…", ""] {
            #expect(unlink(folder("ids.txt")) == 0)
            #expect(watched.current == earlier)
            try replace(with: text)
            #expect(watched.current == earlier)
            time.advance(by: .milliseconds(900))
            try replace(with: text)
            #expect(watched.current == earlier)
            time.advance(by: .milliseconds(200))
            try replace(with: text)
            #expect(watched.current == text)
            earlier = text
        }
        try replace(with: "half…")
        #expect(watched.current == "")
        try replace(with: "whole")
        #expect(watched.current == "whole")
    }

    @Test("counts for a second more where another came and went while it was looked at")
    func isSeenInPassing() throws {
        let watched = try WatchedFiles<String>(
            "identifiers", paths: [folder("none")], logger: Logger(label: "test") { _ in TestLog() },
            load: { earlier in
                guard earlier == nil else { throw PerhapsUnfinished<String>(outcome: .success("")) }
                return "before"
            }, now: { [time] in time.now })
        for _ in 1...3 { #expect(watched.current == "before") }
        time.advance(by: .milliseconds(1100))
        for _ in 1...3 { #expect(watched.current == "") }
    }

    private func replace(with text: String) throws {
        try folder.write(Array(text.utf8), to: "new")
        #expect(rename(folder("new"), folder("ids.txt")) == 0)
    }

    @Test("goes on to count if it is removed")
    func isRemoved() throws {
        #expect(unlink(folder("ids.txt")) == 0)
        #expect(watched.current == "before")
    }
}

private final class TestTime: Sendable {
    private let value = Mutex(ContinuousClock.now)
    var now: ContinuousClock.Instant { value.withLock { $0 } }
    func advance(by duration: Duration) { value.withLock { $0 += duration } }
}

@Suite("An ids.txt that somebody writes while the receiver runs")
struct IdentifiersBeingWrittenTests {
    private static let lines = ["0123456789abcdef pi-01\n", "fedcba9876543210 pi-02\n"]

    private let folder: TemporaryFolder
    private let time = TestTime()
    private let identifiers: WatchedFiles<IdentifierList>

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(Array(Self.lines.joined().utf8), to: "ids.txt")
        let time = time
        identifiers = try Prerequisites.identifiers(
            folder("ids.txt"), logger: Logger(label: "test") { _ in TestLog() }, now: { time.now })
    }

    private func write(_ text: String) throws { try folder.write(Array(text.utf8), to: "ids.txt") }

    private var pis: [String] { identifiers.current.named.filter { !$0.value.isEmpty }.keys.map(\.text).sorted() }

    @Test("refuses nobody for what is not there yet: moved away, made anew, and written in pieces")
    func refusesNobody() throws {
        #expect(rename(folder("ids.txt"), folder("ids.txt~")) == 0)
        #expect(pis == ["pi-01", "pi-02"])
        let text = Self.lines.joined()
        // In the middle of a secret, of a name, and before a line's end.
        for count in [0, 5, 16, 19, 22, 30, 42, 45] {
            try write(String(text.prefix(count)))
            #expect(pis == ["pi-01", "pi-02"], "\(count) bytes")
        }
        try write(text)
        #expect(pis == ["pi-01", "pi-02"])
    }

    @Test("counts at once where a line was taken out and the last one ends")
    func countsAtOnce() throws {
        try write(Self.lines[1])
        #expect(pis == ["pi-02"])
        try write("# nobody\n")
        #expect(pis == [])
    }

    @Test("counts after a second where the last line has no end, with a mistake in it too")
    func countsLater() throws {
        for (text, expected) in [
            ("fedcba9876543210 pi-02", ["pi-02"]), (Self.lines[1] + "0123456789abcdef pi 01", ["pi-02"]), ("", []),
        ] {
            let earlier = pis
            try write(text)
            #expect(pis == earlier)
            time.advance(by: .milliseconds(1100))
            #expect(pis == expected)
        }
    }

    @Test("counts at once whatever its end, when somebody asks for it or the receiver starts")
    func isAskedFor() throws {
        try write("fedcba9876543210 pi-02")
        identifiers.reload()
        #expect(pis == ["pi-02"])
        let anew = try Prerequisites.identifiers(folder("ids.txt"), logger: Logger(label: "test") { _ in TestLog() })
        #expect(anew.current.named.count == 1)
    }
}
