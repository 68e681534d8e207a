import Files
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

private let start = Uptime(sinceStart: .seconds(1000))
private let today = Duration.seconds(1_700_000_000)

/// Five seconds, from `start` on, with a system clock that said `today` then.
private let quietTime = QuietTime(.seconds(5), from: start, systemTime: today)

/// A file that was written `age` before `start`, by the system clock.
private func file(age: Duration, size: Int = 1) -> Fingerprint {
    var status = stat()
    let modified = today - age
    status.st_mtim = timespec(
        tv_sec: Int(modified.components.seconds), tv_nsec: Int(modified.components.attoseconds / 1_000_000_000))
    status.st_size = off_t(size)
    return Fingerprint(status)
}

@Suite("The quiet time")
struct QuietTimeTests {
    @Test(
        "is over five seconds after a file's last change",
        arguments: [(5.0, 0.0), (4.0, 1.0), (0.0, 5.0), (100_000.0, 0.0), (-2.0, 7.0)])
    func over(age: Double, elapsed: Double) {
        let file = file(age: .seconds(age))
        #expect(quietTime.isOver(for: file, seenAs: nil, at: start + .seconds(elapsed)))
        #expect(
            !quietTime.isOver(for: file, seenAs: nil, at: start + .seconds(elapsed) + .nanoseconds(-1_000_000))
                || age > 5)
    }

    @Test("of a file from the future is over once it was seen unchanged for so long", arguments: [-60.0, -1e9, -9e9])
    func future(age: Double) {
        let file = file(age: .seconds(age))
        #expect(!quietTime.isOver(for: file, seenAs: file.hashValue, at: start + .milliseconds(4999)))
        #expect(quietTime.isOver(for: file, seenAs: file.hashValue, at: start + .seconds(5)))
        let changed = SecureSenderTests.file(age: .seconds(age), size: 2)
        #expect(!quietTime.isOver(for: changed, seenAs: file.hashValue, at: start + .seconds(50)))
        #expect(!quietTime.isOver(for: file, seenAs: nil, at: start + .seconds(50)))
    }

    @Test("ends when it says it will")
    func end() {
        for age in [0.0, 1, 4.5, 5, 6, 1e9, -1, -1e9] {
            let file = file(age: .seconds(age))
            let end = quietTime.end(modified: file.modified.sinceEpoch)
            #expect(quietTime.isOver(for: file, seenAs: file.hashValue, at: end))
            #expect(end <= start + .seconds(5) && end >= start)
        }
    }
}

@Suite("The list of files")
struct FileListTests {
    private func list(_ ages: [(String, Double)], lifetime: Duration = .seconds(300)) -> FileList {
        var list = FileList(quietTime: quietTime, lifetime: lifetime)
        for (name, age) in ages { list.add(name, file(age: .seconds(age))) }
        list.sort()
        return list
    }

    private func takeAll(_ list: inout FileList, _ ends: [UploadOrder.End], at time: Uptime = start) -> [String?] {
        ends.map { list.take($0, at: time)?.path.description }
    }

    @Test("gives out the oldest and the newest, and each once")
    func bothEnds() {
        var list = list([("b", 20), ("c", 10), ("a", 30), ("d", 9)])
        #expect(
            takeAll(&list, [.oldest, .newest, .newest, .oldest, .newest, .oldest]) == ["a", "d", "c", "b", nil, nil])
        #expect(list.isEmpty)
    }

    @Test("gives out those that are quiet now, and the others when they are")
    func young() {
        var list = list([("old", 20), ("older", 30), ("young", 3), ("younger", 1), ("future", -60)])
        #expect(list.quietCount(at: start) == 2)
        #expect(list.count == 5)
        #expect(takeAll(&list, [.newest]) == ["old"])
        #expect(list.quietEnds(at: start)?.upperBound == start + .seconds(5))
        // The newest has left room behind the oldest.
        #expect(takeAll(&list, [.newest, .oldest, .newest], at: start + .seconds(2)) == ["young", "older", nil])
        #expect(takeAll(&list, [.oldest, .oldest, .oldest], at: start + .seconds(5)) == ["younger", "future", nil])
        #expect(list.quietEnds(at: start + .seconds(5)) == nil)
    }

    @Test("gives out nothing once the folder wants to be looked at again")
    func lifetime() {
        var list = list([("a", 20), ("b", 0)], lifetime: .seconds(60))
        #expect(takeAll(&list, [.oldest], at: start + .seconds(60)) == [nil])
        #expect(list.quietEnds(at: start + .seconds(60)) == nil)
        #expect(list.count == 2)
    }

    @Test("keeps the folders of its files, and orders those of one age by their paths")
    func folders() {
        var list = FileList(quietTime: quietTime, lifetime: .seconds(300))
        list.enter("empty")
        list.leave()
        list.enter("sub")
        list.enter("m\u{e4}rz")
        list.add("x", file(age: .seconds(10)))
        list.leave()
        list.add("z", file(age: .seconds(10)))
        list.add("y", file(age: .seconds(10)))
        list.leave()
        list.add("a", file(age: .seconds(10)))
        list.sort()
        #expect(list.folderCount == 2)
        #expect(takeAll(&list, [.oldest, .oldest, .oldest, .oldest]) == ["a", "sub/m\u{e4}rz/x", "sub/y", "sub/z"])
    }

    @Test("holds the oldest and some of the newest of more files than it has room for")
    func partial() {
        var list = FileList(quietTime: quietTime, lifetime: .seconds(300))
        list.enter("sub")
        let count = FileList.mostHeld + 1
        // Neither in order nor in reverse.
        for number in 0..<count {
            let age = 10 + (number * 7919) % count
            list.add("f\(age)", file(age: .seconds(age)))
        }
        list.sort()
        #expect(list.isPartial)
        #expect(list.count == FileList.mostHeld / 2 + 1)
        #expect(takeAll(&list, [.newest, .newest]) == ["sub/f10", "sub/f11"])
        #expect(takeAll(&list, [.oldest, .oldest]) == ["sub/f\(count + 9)", "sub/f\(count + 8)"])
    }

    @Test("has no room for folders without files that it holds")
    func partialFolders() {
        var list = FileList(quietTime: quietTime, lifetime: .seconds(300))
        let count = FileList.mostHeld + 2
        list.enter("sub")
        for number in 0..<count {
            list.enter("d\(number)")
            list.enter("deep")
            list.add("f", file(age: .seconds(10 + number)))
            list.leave()
            list.leave()
        }
        list.sort()
        #expect(list.count == FileList.mostHeld / 2 + 2)
        // Each file's own two, and the one around all of them.
        #expect(list.folderCount == 2 * list.count + 1)
        #expect(takeAll(&list, [.newest, .newest]) == ["sub/d0/deep/f", "sub/d1/deep/f"])
        #expect(
            takeAll(&list, [.oldest, .oldest]) == ["sub/d\(count - 1)/deep/f", "sub/d\(count - 2)/deep/f"])
    }
}
