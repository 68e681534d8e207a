import Files
import Foundation
import Glibc
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

/// States that a kill or a loss of power leaves, each made by hand.
@Suite("A start after a move within a file system was interrupted")
struct InterruptedMoveTests {
    private let fixture: SentFixture
    private let acknowledged: AcknowledgedFile

    init() throws {
        fixture = try SentFixture()
        try fixture.write("content", to: "data/sub/a")
        acknowledged = try fixture.acknowledge("sub/a")
        try FileManager.default.createDirectory(atPath: fixture.folder("sent/sub"), withIntermediateDirectories: true)
        try fixture.note(acknowledged, as: "a~2")
    }

    private func writeReceipt() throws { try fixture.writeReceipt(of: acknowledged, as: "sub/a~2") }

    private func move() throws {
        try writeReceipt()
        rename(fixture.folder("data/sub/a"), fixture.folder("sent/sub/a~2"))
    }

    /// As a run does at its start; and that there is nothing more to do behind it.
    private func recover() throws {
        try fixture.sentFiles.recover()
        #expect(!fixture.sentFileNames.contains { $0.hasPrefix(".") })
    }

    @Test("leaves what was moved and is what its receipt says")
    func finished() throws {
        try move()
        try recover()
        #expect(fixture.waitingFiles == [])
        #expect(fixture.sentFileNames == ["sub/a~2", "sub/a~2.sha256"])
    }

    @Test("removes the receipt of a file that was not moved", arguments: [false, true])
    func notMoved(hasReceipt: Bool) throws {
        if hasReceipt { try writeReceipt() }
        try recover()
        #expect(fixture.waitingFiles == ["sub/a"])
        #expect(fixture.sentFileNames == [])
    }

    @Test("puts back what somebody has gone on to write to, who had opened it before it was moved", arguments: [0, 1])
    func changed(isOfSameSize: Int) throws {
        try move()
        let text = isOfSameSize == 1 ? "CONTENT" : "content, and more"
        try fixture.write(text, to: "sent/sub/a~2")
        let modified = timespec(
            tv_sec: Int(acknowledged.file.fingerprint.modified.seconds),
            tv_nsec: Int(acknowledged.file.fingerprint.modified.nanoseconds))
        utimensat(AT_FDCWD, fixture.folder("sent/sub/a~2"), [modified, modified], 0)
        try recover()
        #expect(fixture.waitingFiles == ["sub/a"])
        #expect(try fixture.text("data/sub/a") == text)
        #expect(fixture.sentFileNames == [])
    }

    @Test("puts back what somebody has open for writing, so that what comes is where it is sent from")
    func open() async throws {
        let descriptor = Glibc.open(fixture.folder("data/sub/a"), O_WRONLY | O_APPEND | O_CLOEXEC)
        let writer = try Program(
            starting: "/bin/sh", ["-c", "kill -STOP $$; echo , and more >&3"], inheriting: descriptor)
        close(descriptor)
        try move()
        try recover()
        #expect(fixture.waitingFiles == ["sub/a"])
        #expect(fixture.sentFileNames == [])
        while !isStopped(writer) { usleep(1000) }
        writer.send(signal: SIGCONT)
        #expect(try await writer.outcome().exitCode == 0)
        #expect(try fixture.text("data/sub/a") == "content, and more\n")
    }

    /// proc(5): behind the name.
    private func isStopped(_ program: Program) -> Bool {
        let status = (try? String(contentsOfFile: "/proc/\(program.pid)/stat", encoding: .utf8)) ?? ""
        return status.split(separator: ")").last?.hasPrefix(" T") == true
    }

    @Test("puts back what has no receipt, or another file's, also where its folder is gone", arguments: [false, true])
    func withoutReceipt(isOther: Bool) throws {
        try move()
        unlink(fixture.folder("sent/sub/a~2.sha256"))
        if isOther { try fixture.write("what is this", to: "sent/sub/a~2.sha256") }
        rmdir(fixture.folder("data/sub"))
        try recover()
        #expect(fixture.waitingFiles == ["sub/a"])
        #expect(fixture.sentFileNames == [])
    }

    @Test("puts it back beside a newer file that has its name by now, and has done so when it was interrupted again")
    func nameTaken() throws {
        try move()
        try fixture.write("newer", to: "data/sub/a")
        try fixture.write("never sent", to: "sent/sub/a~2")
        let note = try #require(fixture.sentFileNames.first { $0.hasPrefix(".moving") })
        let kept = try fixture.text("sent/\(note)")
        try recover()
        #expect(try fixture.text("data/sub/a") == "newer")
        #expect(try fixture.text("data/sub/a~2") == "never sent")
        #expect(fixture.sentFileNames == [])
        // Killed before the receipt was gone.
        try writeReceipt()
        try fixture.write(kept, to: "sent/\(note)")
        try recover()
        #expect(fixture.waitingFiles == ["sub/a", "sub/a~2"])
        #expect(fixture.sentFileNames == [])
    }

    @Test("leaves a file that has both names, by a move by link, where it is sent from")
    func linked() throws {
        try writeReceipt()
        link(fixture.folder("data/sub/a"), fixture.folder("sent/sub/a~2"))
        try recover()
        #expect(fixture.waitingFiles == ["sub/a"])
        #expect(fixture.sentFileNames == [])
    }

    @Test("leaves a receipt whose file somebody has taken away since: it is a proof")
    func proof() throws {
        try move()
        rename(fixture.folder("sent/sub/a~2"), fixture.folder("elsewhere"))
        try fixture.write("newer", to: "data/sub/a")
        try recover()
        #expect(fixture.waitingFiles == ["sub/a"])
        #expect(fixture.sentFileNames == ["sub/a~2.sha256"])
    }

    @Test("leaves the rest to the next one when it is to end")
    func stop() throws {
        try move()
        let stop = StopSwitch()
        stop.stop()
        var sentFiles = fixture.sentFiles
        sentFiles.stop = StopSignal(stop.readEnd)
        try sentFiles.recover()
        #expect(fixture.sentFileNames.contains { $0.hasPrefix(".moving") })
        try recover()
        #expect(fixture.sentFileNames == ["sub/a~2", "sub/a~2.sha256"])
    }

    @Test("keeps noted what cannot be finished, without harm to it, does the rest, and finishes that later")
    func keepsFailed() throws {
        try move()
        try fixture.write("never sent", to: "sent/sub/a~2")
        // It cannot be put back.
        rmdir(fixture.folder("data/sub"))
        try fixture.write("in the way", to: "data/sub")
        try fixture.write("other", to: "data/b")
        try fixture.note(fixture.acknowledge("b"), as: "b")
        rename(fixture.folder("data/b"), fixture.folder("sent/b"))
        for _ in 1...2 {
            let unfinished = try fixture.sentFiles.recover()
            #expect(unfinished.map(\.path) == ["sub/a"])
            #expect(
                SendEvent.warnings(of: unfinished).map { "\($0)".contains("The move of sub/a, ") } == [true])
            #expect(fixture.waitingFiles == ["b", "sub"])
            #expect(fixture.sentFileNames.count { $0.hasPrefix(".moving") } == 1)
        }
        #expect(try fixture.sentFiles.move([fixture.acknowledge("b")]) == [moved("b")])
        #expect(fixture.visibleSentFiles == ["b", "b.sha256", "sub/a~2", "sub/a~2.sha256"])
        #expect(try fixture.text("sent/sub/a~2") == "never sent")
        unlink(fixture.folder("data/sub"))
        #expect(try fixture.sentFiles.recover() == [])
        #expect(try fixture.text("data/sub/a") == "never sent")
        #expect(fixture.sentFileNames == ["b", "b.sha256"])
    }

    @Test("is not needed for the next batch, which does that first")
    func nextBatch() throws {
        try move()
        try fixture.write("content, and more", to: "sent/sub/a~2")
        try fixture.write("other", to: "data/b")
        #expect(try fixture.sentFiles.move([fixture.acknowledge("b")]) == [moved("b")])
        #expect(fixture.waitingFiles == ["sub/a"])
        #expect(fixture.sentFileNames == ["b", "b.sha256"])
    }
}

@Suite("The note of a batch")
struct MoveNoteTests {
    @Test("is gone when the batch is through, whatever became of its files")
    func removed() throws {
        let fixture = try SentFixture()
        for name in ["changed", "open", "good"] { try fixture.write("content", to: "data/\(name)") }
        let batch = try ["changed", "open", "good"].map { try fixture.acknowledge($0) }
        try fixture.write("other", to: "data/changed")
        let writer = open(fixture.folder("data/open"), O_WRONLY | O_APPEND | O_CLOEXEC)
        defer { close(writer) }
        #expect(fixture.sentFiles.move(batch) == [.changed, .changed, moved("good")])
        #expect(fixture.sentFileNames == ["good", "good.sha256"])
    }

    @Test("is never done without: nothing is moved where it cannot be written")
    func needed() throws {
        let fixture = try SentFixture()
        try fixture.write("content", to: "data/a")
        let acknowledged = try fixture.acknowledge("a")
        for note in fixture.sentFiles.note.names { mkdir(fixture.folder("sent/\(note)"), 0o700) }
        guard case .failed = fixture.sentFiles.move([acknowledged])[0] else {
            Issue.record("a move without a note")
            return
        }
        #expect(fixture.waitingFiles == ["a"])
        #expect(fixture.sentFileNames == [])
    }

    @Test("that cannot be read is told, stays, and holds up nothing")
    func unreadable() throws {
        let fixture = try SentFixture()
        let note = fixture.folder("sent/\(fixture.sentFiles.note.names[0])")
        mkdir(note, 0o700)
        let unfinished = try fixture.sentFiles.recover()
        #expect(unfinished.map(\.path) == [nil])
        #expect(unfinished.map(\.error.code) == [EISDIR])
        try fixture.write("content", to: "data/a")
        #expect(try fixture.sentFiles.move([fixture.acknowledge("a")]) == [moved("a")])
        #expect(fixture.sentFileNames == ["a", "a.sha256"])
        // Whoever mends it finds it looked at.
        rmdir(note)
        #expect(try fixture.sentFiles.recover() == [])
    }

    @Test("keeps its names for its files as long as these are not found")
    func claims() throws {
        let fixture = try SentFixture()
        var places = MovePlaces(source: fixture.source, root: fixture.root)
        places.claim(
            MoveNote.Entry(path: "sub/a", name: "a~2", sha256: "", inode: 1, seconds: 0, nanoseconds: 0))
        let folder = try places.target(["sub"])
        #expect(places.isClaimed("a~2", in: folder))
        #expect(!places.isClaimed("a", in: folder))
        #expect(!places.isClaimed("a~2", in: fixture.root))
    }
}
