import Files
import Glibc
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

/// All outcomes, as they come.
private func outcomes(of mover: Mover) -> [Mover.Moved] {
    var moved = mover.takeMoved()
    while mover.count > 0 {
        mover.wait(atMost: .seconds(1))
        moved += mover.takeMoved()
    }
    return moved
}

private func names(_ moved: [Mover.Moved]) -> [String] { moved.map(\.acknowledged.file.path.description) }

@Suite("The mover")
struct MoverTests {
    private let fixture: SentFixture

    init() throws {
        fixture = try SentFixture()
    }

    private func acknowledge(_ names: [String]) throws -> [AcknowledgedFile] {
        try names.map { name in
            try fixture.write(name, to: "data/\(name)")
            return try fixture.acknowledge(name)
        }
    }

    @Test("moves files while others come, and tells of each in its order")
    func order() throws {
        let wanted = (0..<40).map { "file\($0)" }
        let mover = Mover(fixture.sentFiles)
        var moved: [Mover.Moved] = []
        for file in try acknowledge(wanted) {
            mover.move([file])
            moved += mover.takeMoved()
        }
        mover.hurry()
        moved += outcomes(of: mover)
        #expect(names(moved) == wanted)
        #expect(moved.map(\.outcome) == wanted.map { .moved(as: $0) })
        #expect(mover.count == 0)
        #expect(fixture.waitingFiles == [])
        #expect(fixture.visibleSentFiles == wanted.flatMap { [$0, "\($0).sha256"] }.sorted())
    }

    @Test("can be waited for beside the network")
    func readable() throws {
        let mover = Mover(fixture.sentFiles)
        mover.move(try acknowledge(["a"]))
        var event = pollfd(fd: try #require(mover.descriptor).number, events: Int16(POLLIN), revents: 0)
        #expect(poll(&event, 1, 60_000) == 1)
        #expect(names(mover.takeMoved()) == ["a"])
        #expect(poll(&event, 1, 0) == 0)
    }

    @Test("tells of a file that was not moved, and moves the others")
    func failure() throws {
        let files = try acknowledge(["a", "b", "c"])
        try fixture.write("something else", to: "data/b")
        let mover = Mover(fixture.sentFiles)
        mover.move(files)
        #expect(outcomes(of: mover).map(\.outcome) == [.moved(as: "a"), .changed, .moved(as: "c")])
        #expect(fixture.waitingFiles == ["b"])
    }

    @Test("moves what came before it is let go")
    func end() throws {
        var mover: Mover? = Mover(fixture.sentFiles)
        mover?.move(try acknowledge(["a", "b"]))
        mover = nil
        #expect(fixture.waitingFiles == [])
    }

    @Test("has nothing to wait for if nothing came")
    func nothing() {
        let mover = Mover(fixture.sentFiles)
        mover.wait(atMost: .seconds(1))
        mover.hurry()
        #expect(mover.takeMoved().isEmpty)
    }
}

@Suite("Calls on several threads")
struct FailedCallsTests {
    private final class Calls: Sendable {
        let made = Mutex<[Int]>([])
    }

    @Test("are each made once, and those that fail are told by their numbers", arguments: [0, 1, 3, 4, 100])
    func calls(count: Int) {
        let calls = Calls()
        let failed = failedCalls(of: count, threads: 4) { (number) throws(SystemCallError) in
            calls.made.withLock { $0.append(number) }
            if number % 3 == 1 { throw SystemCallError("sync", "\(number)", code: EIO) }
        }
        #expect(calls.made.withLock { $0.sorted() } == Array(0..<count))
        #expect(failed.keys.sorted() == (0..<count).filter { $0 % 3 == 1 })
        #expect(failed.allSatisfy { $1.path == "\($0)" })
    }
}
