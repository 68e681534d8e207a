import Files
import Foundation
import Glibc
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("Moving sent files to another file system", .enabled(if: SentFixture.hasOtherFileSystem))
struct OtherFileSystemTests {
    @Test("copies, verifies and removes, and keeps times, modes and paths")
    func moves() async throws {
        let fixture = try SentFixture(onOtherFileSystem: true)
        for name in ["a", "sub/b", "empty"] {
            try fixture.write(name == "empty" ? "" : "of \(name)", to: "data/\(name)")
        }
        chmod(fixture.folder("data/a"), 0o640)
        var before = stat()
        stat(fixture.folder("data/a"), &before)
        let batch = try ["a", "sub/b", "empty"].map { try fixture.acknowledge($0) }
        #expect(fixture.sentFiles.move(batch) == [moved("a"), moved("sub/b"), moved("empty")])
        #expect(fixture.waitingFiles == [])
        #expect(fixture.sentFileNames == ["a", "a.sha256", "empty", "empty.sha256", "sub/b", "sub/b.sha256"])
        #expect(try await fixture.check("sub/b.sha256"))
        var after = stat()
        stat(fixture.folder("sent/a"), &after)
        #expect(after.st_dev != before.st_dev)
        #expect(after.permissions == 0o640)
        #expect(after.st_mtim.tv_sec == before.st_mtim.tv_sec && after.st_mtim.tv_nsec == before.st_mtim.tv_nsec)
    }

    @Test("keeps both where the name is taken")
    func nameTaken() async throws {
        let fixture = try SentFixture(onOtherFileSystem: true)
        for (round, name) in ["a.json", "a~2.json"].enumerated() {
            try fixture.write("round \(round)", to: "data/a.json")
            #expect(try fixture.sentFiles.move([fixture.acknowledge("a.json")]) == [moved(name)])
            #expect(try await fixture.check("\(name).sha256"))
        }
    }

    @Test("leaves a file that has changed or is being written, without a copy or a receipt, and moves the others")
    func changed() throws {
        let fixture = try SentFixture(onOtherFileSystem: true)
        for name in ["changed", "open", "good"] { try fixture.write("content", to: "data/\(name)") }
        let batch = try ["changed", "open", "good"].map { try fixture.acknowledge($0) }
        try fixture.write("other", to: "data/changed")
        let writer = open(fixture.folder("data/open"), O_WRONLY | O_APPEND | O_CLOEXEC)
        defer { close(writer) }
        #expect(fixture.sentFiles.move(batch) == [.changed, .changed, moved("good")])
        #expect(fixture.sentFileNames == ["good", "good.sha256"])
        #expect(fixture.waitingFiles == ["changed", "open"])
    }

    @Test("breaks off the copy of a large file when it is to end, and the file stays")
    func stop() throws {
        let fixture = try SentFixture(onOtherFileSystem: true)
        try fixture.write("content", to: "data/small")
        try fixture.folder.write([UInt8](repeating: 1, count: 5 << 20), to: "data/large")
        let stop = StopSwitch()
        stop.stop()
        var sentFiles = fixture.sentFiles
        sentFiles.stop = StopSignal(stop.readEnd)
        let outcomes = try sentFiles.move([fixture.acknowledge("small"), fixture.acknowledge("large")])
        #expect(outcomes[0] == moved("small"))
        guard case .failed(let error) = outcomes[1] else {
            Issue.record("\(outcomes[1])")
            return
        }
        #expect(error.code == EINTR)
        #expect(fixture.waitingFiles == ["large"])
        #expect(fixture.visibleSentFiles == ["small", "small.sha256"])
        // What was not done is noted until somebody has looked.
        #expect(fixture.sentFileNames.contains { $0.hasPrefix(".moving") })
        try fixture.sentFiles.recover()
        #expect(fixture.sentFileNames == ["small", "small.sha256"])
        #expect(fixture.waitingFiles == ["large"])
    }

    @Test("fails where there is no room, and the file stays")
    func full() throws {
        let fixture = try SentFixture(onOtherFileSystem: true)
        try fixture.write("content", to: "data/a")
        let acknowledged = try fixture.acknowledge("a")
        // A folder in the way of the temporary name cannot be, so some in the way of the note.
        for note in fixture.sentFiles.note.names { mkdir("\(fixture.root.path)/\(note)", 0o700) }
        guard case .failed = fixture.sentFiles.move([acknowledged])[0] else {
            Issue.record("a move without a note")
            return
        }
        #expect(fixture.waitingFiles == ["a"])
        #expect(fixture.sentFileNames == [])
    }
}

/// States that a loss of power leaves, each made by hand.
@Suite("A start after a move to another file system was interrupted", .enabled(if: SentFixture.hasOtherFileSystem))
struct MoveRecoveryTests {
    private let fixture: SentFixture
    private let acknowledged: AcknowledgedFile

    init() throws {
        fixture = try SentFixture(onOtherFileSystem: true)
        try fixture.write("content", to: "data/sub/a")
        acknowledged = try fixture.acknowledge("sub/a")
        try FileManager.default.createDirectory(atPath: fixture.folder("sent/sub"), withIntermediateDirectories: true)
        try fixture.note(acknowledged, as: "a~2")
    }

    private func writeReceipt() throws { try fixture.writeReceipt(of: acknowledged, as: "sub/a~2") }

    private func hide() { rename(fixture.folder("data/sub/a"), fixture.folder("data/sub/.a.moved")) }

    @Test("removes the original of a whole copy", arguments: [false, true])
    func finishes(isHidden: Bool) throws {
        try writeReceipt()
        try fixture.write("content", to: "sent/sub/a~2")
        if isHidden { hide() }
        try fixture.sentFiles.recover()
        #expect(fixture.waitingFiles == [])
        #expect(fixture.sentFileNames == ["sub/a~2", "sub/a~2.sha256"])
    }

    @Test("leaves or puts back the original of what is no whole copy", arguments: [false, true], 0..<4)
    func undoes(isHidden: Bool, state: Int) throws {
        if state != 0 { try writeReceipt() }
        if state == 1 { try fixture.write("conte", to: "sent/sub/a~2") }
        if state == 2 { try fixture.folder.write(Array("conte".utf8), to: "sent/sub/.a~2.new") }
        if state == 3 { try FileManager.default.removeItem(atPath: fixture.folder("sent/sub")) }
        if isHidden { hide() }
        try fixture.sentFiles.recover()
        #expect(fixture.waitingFiles == ["sub/a"])
        #expect(!fixture.sentFileNames.contains("sub/.a~2.new"))
        #expect(!fixture.sentFileNames.contains { $0.hasPrefix(".moving") })
        // And it is moved by the next run.
        try FileManager.default.createDirectory(atPath: fixture.folder("sent/sub"), withIntermediateDirectories: true)
        guard case .moved = try fixture.sentFiles.move([fixture.acknowledge("sub/a")])[0] else {
            Issue.record("not moved")
            return
        }
    }

    @Test("leaves another file that has the original's name by now, though its content is the same")
    func replaced() throws {
        try writeReceipt()
        try fixture.write("content", to: "sent/sub/a~2")
        try fixture.write("content", to: "data/sub/other")
        rename(fixture.folder("data/sub/other"), fixture.folder("data/sub/a"))
        try fixture.sentFiles.recover()
        #expect(fixture.waitingFiles == ["sub/a"])
    }

    @Test("puts back an original that somebody has gone on to write to, who had it open")
    func writtenWhileHidden() throws {
        try writeReceipt()
        try fixture.write("content", to: "sent/sub/a~2")
        hide()
        try fixture.write("content, and more", to: "data/sub/.a.moved")
        try fixture.sentFiles.recover()
        #expect(fixture.waitingFiles == ["sub/a"])
        #expect(try fixture.text("data/sub/a") == "content, and more")
        #expect(fixture.sentFileNames == ["sub/a~2", "sub/a~2.sha256"])
    }

    @Test("puts back, or leaves, an original that somebody has open for writing", arguments: [false, true])
    func open(isHidden: Bool) throws {
        try writeReceipt()
        try fixture.write("content", to: "sent/sub/a~2")
        let writer = Glibc.open(fixture.folder("data/sub/a"), O_WRONLY | O_APPEND | O_CLOEXEC)
        defer { close(writer) }
        if isHidden { hide() }
        try fixture.sentFiles.recover()
        #expect(fixture.waitingFiles == ["sub/a"])
    }

    @Test("leaves an original that has changed since")
    func changed() throws {
        try writeReceipt()
        try fixture.write("content", to: "sent/sub/a~2")
        try fixture.write("content, and more", to: "data/sub/a")
        try fixture.sentFiles.recover()
        #expect(fixture.waitingFiles == ["sub/a"])
        #expect(try fixture.text("data/sub/a") == "content, and more")
    }

    @Test(
        "believes no note that is not its own",
        arguments: [
            "", "[", "{}", #"[{"path":"../sent/x","name":"x","sha256":"","seconds":1,"nanoseconds":1}]"#,
            #"[{"path":"sub/a","name":"../../data/sub/a","sha256":"00","seconds":1,"nanoseconds":1}]"#,
        ])
    func foreign(note: String) throws {
        let name = try #require(fixture.sentFileNames.first { $0.hasPrefix(".moving") })
        try fixture.write(note, to: "sent/\(name)")
        try fixture.sentFiles.recover()
        #expect(fixture.waitingFiles == ["sub/a"])
        #expect(fixture.sentFileNames == [])
    }

    @Test("does nothing where nothing was interrupted")
    func nothing() throws {
        try fixture.sentFiles.recover()
        try fixture.sentFiles.recover()
        #expect(fixture.waitingFiles == ["sub/a"])
    }
}

@Suite("A move by link that was interrupted")
struct LinkedMoveTests {
    @Test("is finished under the same name when the file is sent again")
    func finished() async throws {
        let fixture = try SentFixture()
        try fixture.write("content", to: "data/a")
        link(fixture.folder("data/a"), fixture.folder("sent/a"))
        #expect(try fixture.sentFiles.move([fixture.acknowledge("a")]) == [moved("a")])
        #expect(fixture.waitingFiles == [])
        #expect(fixture.sentFileNames == ["a", "a.sha256"])
        #expect(try await fixture.check("a.sha256"))
    }

    @Test("of a file that somebody has open for writing stays where it is")
    func open() throws {
        let fixture = try SentFixture()
        try fixture.write("content", to: "data/a")
        let acknowledged = try fixture.acknowledge("a")
        let writer = Glibc.open(fixture.folder("data/a"), O_WRONLY | O_APPEND | O_CLOEXEC)
        defer { close(writer) }
        #expect(fixture.sentFiles.move([acknowledged]) == [.changed])
        #expect(fixture.waitingFiles == ["a"])
        #expect(fixture.sentFileNames == [])
    }
}
