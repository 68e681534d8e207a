import Files
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

private let day: Int64 = 86_400
private let now: Int64 = Int64(Date().timeIntervalSince1970)

extension SentFixture {
    /// Sends and moves a file that the receiver signed for so many days ago; it was moved here as long ago by the clock.
    fileprivate func addSent(_ name: String, _ text: String = "content", daysAgo: Int64) throws {
        try write(text, to: "data/\(name)")
        guard case .moved = sentFiles.move([try acknowledge(name, created: now - daysAgo * day)])[0] else {
            throw SentFileDoubt.noReceipt
        }
    }

    /// The time by which files here are old has to be ahead: when a file was moved cannot be set back.
    fileprivate func tidyUp(
        days: Int64? = nil, bytes: Int64? = nil, removes: Bool = true, pi: String = "pi-01", after: Int64 = 0,
        pageSize: Int = 20_000
    ) throws -> (removed: [String], kept: [String: SentFileDoubt]) {
        var removed: [String] = []
        let outcome = Housekeeping(
            of: root, pi: PiName(pi)!, limits: SentLimits(seconds: days.map { $0 * day }, bytes: bytes),
            now: now + after * day, pageSize: pageSize
        ).run(removes: removes) { removed.append($0) }
        #expect(outcome.removed == removed.count)
        return (removed, Dictionary(uniqueKeysWithValues: outcome.kept.told.map { ($0.path, $0.doubt) }))
    }
}

@Suite("Housekeeping of sent files")
struct HousekeepingTests {
    @Test("removes what the receiver has had for long enough, with its receipt, and nothing younger")
    func byAge() throws {
        let fixture = try SentFixture()
        try fixture.keepCertificate()
        try fixture.addSent("old", daysAgo: 40)
        try fixture.addSent("sub/old", daysAgo: 31)
        try fixture.addSent("young", daysAgo: 0)
        // As if a month had gone since the moves.
        let outcome = try fixture.tidyUp(days: 30, after: 30 - 1)
        #expect(outcome.removed == [])
        let later = try fixture.tidyUp(days: 30, after: 31)
        #expect(later.removed.sorted() == ["old", "sub/old", "young"])
        #expect(later.kept == [:])
        #expect(fixture.visibleSentFiles == [])
    }

    @Test("goes by the receiver's time where this Pi's was wrong on the day of the move")
    func receiversTime() throws {
        let fixture = try SentFixture()
        try fixture.keepCertificate()
        try fixture.addSent("moved long ago, signed for today", daysAgo: -30)
        #expect(try fixture.tidyUp(days: 30, after: 31).removed == [])
        #expect(try fixture.tidyUp(days: 30, after: 61).removed.count == 1)
    }

    @Test("finds what was moved while this Pi's clock was ahead, behind what is young", arguments: [1, 20_000])
    func movedInFuture(pageSize: Int) throws {
        let fixture = try SentFixture()
        try fixture.keepCertificate()
        try fixture.addSent("signed for long ago", daysAgo: 140)
        try fixture.addSent("young", daysAgo: 120)
        #expect(try fixture.tidyUp(days: 30, after: -100, pageSize: pageSize).removed == ["signed for long ago"])
    }

    @Test("does not read what its receipt says is young")
    func unread() throws {
        let fixture = try SentFixture()
        try fixture.keepCertificate()
        try fixture.addSent("a", daysAgo: -30)
        try fixture.write("other", to: "sent/a")
        #expect(try fixture.tidyUp(days: 30, after: 31).kept == [:])
        #expect(try fixture.tidyUp(days: 30, after: 61).kept == ["a": .otherContent])
    }

    @Test("removes the oldest while there are too many bytes, and stops as soon as there are not")
    func bySpace() throws {
        let fixture = try SentFixture()
        try fixture.keepCertificate()
        for name in ["a", "b", "c"] { try fixture.addSent(name, String(repeating: name, count: 10_000), daysAgo: 0) }
        #expect(try fixture.tidyUp(bytes: 40_000).removed == [])
        #expect(try fixture.tidyUp(bytes: 25_000, removes: false).removed == ["a"])
        #expect(fixture.visibleSentFiles.count == 6)
        #expect(try fixture.tidyUp(bytes: 25_000).removed == ["a"])
        #expect(try fixture.tidyUp(bytes: 25_000).removed == [])
        #expect(fixture.visibleSentFiles == ["b", "b.sha256", "c", "c.sha256"])
        #expect(try fixture.tidyUp(bytes: 0).removed == ["b", "c"])
        #expect(fixture.visibleSentFiles == [])
    }

    @Test("understands the names of files whose own was taken")
    func otherNames() throws {
        let fixture = try SentFixture()
        try fixture.keepCertificate()
        for round in 0..<3 { try fixture.addSent("a.json", "round \(round)", daysAgo: 0) }
        #expect(try fixture.tidyUp(bytes: 0).removed.sorted() == ["a.json", "a~2.json", "a~3.json"])
    }

    @Test("gets to what may go behind any number of files that have to stay", arguments: [true, false])
    func pages(removes: Bool) throws {
        let fixture = try SentFixture()
        try fixture.keepCertificate()
        for number in 0..<7 { try fixture.write("junk", to: "sent/a\(number)") }
        for name in ["sub/y", "z"] { try fixture.addSent(name, daysAgo: 40) }
        let bySpace = try fixture.tidyUp(bytes: 0, removes: false, pageSize: 2)
        #expect(bySpace.removed.sorted() == ["sub/y", "z"])
        #expect(bySpace.kept.count == 7)
        let byAge = try fixture.tidyUp(days: 30, removes: removes, after: 31, pageSize: 2)
        #expect(byAge.removed.sorted() == ["sub/y", "z"])
        #expect(byAge.kept.count == 7)
    }

    @Test("removes nothing to make up for older files that have to stay")
    func spaceOfOthers() throws {
        let fixture = try SentFixture()
        try fixture.keepCertificate()
        try fixture.write(String(repeating: "a", count: 50_000), to: "sent/a")
        for name in ["b", "c"] { try fixture.addSent(name, String(repeating: name, count: 10_000), daysAgo: 0) }
        let outcome = try fixture.tidyUp(bytes: 40_000)
        #expect(outcome.removed == [])
        #expect(outcome.kept == ["a": .noReceipt])
        #expect(try fixture.tidyUp(bytes: 15_000).removed == ["b"])
    }

    @Test("leaves the rest for the next time when it is to end")
    func stop() throws {
        let fixture = try SentFixture()
        try fixture.keepCertificate()
        try fixture.addSent("a", daysAgo: 0)
        let stop = StopSwitch()
        stop.stop()
        let outcome = Housekeeping(
            of: fixture.root, pi: PiName("pi-01")!, limits: SentLimits(bytes: 0), now: now,
            stop: StopSignal(stop.readEnd)
        ).run()
        #expect(outcome.removed == 0 && outcome.kept.count == 0)
        #expect(fixture.visibleSentFiles == ["a", "a.sha256"])
    }

    @Test("never removes a file without a valid receipt")
    func doubts() throws {
        let fixture = try SentFixture()
        try fixture.keepCertificate()
        for name in ["changed", "moved", "signature", "other", "link", "broken", "open"] {
            try fixture.addSent(name, "of \(name)", daysAgo: 0)
        }
        try fixture.write("mine", to: "sent/noReceipt")
        try fixture.write("other", to: "sent/changed")
        rename(fixture.folder("sent/moved"), fixture.folder("sent/elsewhere"))
        rename(fixture.folder("sent/moved.sha256"), fixture.folder("sent/elsewhere.sha256"))
        let receipt = try fixture.text("sent/signature.sha256")
        let signature = try #require(receipt.range(of: "# signature :"))
        var forged = receipt
        let position = forged.index(signature.upperBound, offsetBy: 3)
        forged.replaceSubrange(position...position, with: forged[position] == "A" ? "B" : "A")
        try fixture.write(forged, to: "sent/signature.sha256")
        try fixture.folder.write(try fixture.folder.read("sent/other.sha256"), to: "sent/link.sha256")
        unlink(fixture.folder("sent/other.sha256"))
        symlink("other", fixture.folder("sent/other.sha256"))
        try fixture.write("# nothing", to: "sent/broken.sha256")
        let writer = open(fixture.folder("sent/open"), O_WRONLY | O_APPEND | O_CLOEXEC)
        defer { close(writer) }

        let outcome = try fixture.tidyUp(bytes: 0)
        #expect(outcome.removed == [])
        #expect(
            outcome.kept == [
                "noReceipt": .noReceipt, "changed": .otherContent, "elsewhere": .notAReceipt,
                "signature": .invalidSignature, "other": .notAReceipt, "link": .notAReceipt, "broken": .notAReceipt,
                "open": .inUse,
            ])
    }

    @Test("never removes a file whose receipt is of another Pi, path, receiver or certificate")
    func foreign() throws {
        let fixture = try SentFixture()
        try fixture.addSent("a", daysAgo: 0)
        #expect(try fixture.tidyUp(bytes: 0).kept == ["a": .unknownCertificate])
        try fixture.keepCertificate()
        #expect(try fixture.tidyUp(bytes: 0, pi: "pi-02").kept == ["a": .otherFile])
        // With the name in the last line changed too.
        let text = try fixture.text("sent/a.sha256").replacingOccurrences(of: "  ./a\n", with: "  ./b\n")
        try fixture.write(text, to: "sent/b.sha256")
        rename(fixture.folder("sent/a"), fixture.folder("sent/b"))
        unlink(fixture.folder("sent/a.sha256"))
        #expect(try fixture.tidyUp(bytes: 0).kept == ["b": .otherFile])
        mkdir(fixture.folder("sent/sub"), 0o700)
        for suffix in ["", ".sha256"] {
            rename(fixture.folder("sent/b\(suffix)"), fixture.folder("sent/sub/a\(suffix)"))
        }
        try fixture.write(text.replacingOccurrences(of: "  ./b\n", with: "  ./a\n"), to: "sent/sub/a.sha256")
        #expect(try fixture.tidyUp(bytes: 0).kept == ["sub/a": .otherFile])
    }

    @Test("believes no receipt that is signed with a Pi's key")
    func signedByPi() throws {
        let fixture = try SentFixture(isSignedByPi: true)
        try fixture.addSent("a", daysAgo: 0)
        try fixture.keepCertificate()
        #expect(try fixture.tidyUp(bytes: 0).kept == ["a": .unknownCertificate])
    }

    @Test("never follows a link, nor leaves the folder")
    func links() throws {
        let fixture = try SentFixture()
        try fixture.keepCertificate()
        try fixture.addSent("a", daysAgo: 0)
        let outside = try TemporaryFolder()
        for suffix in ["", ".sha256"] {
            try outside.write(try fixture.folder.read("sent/a\(suffix)"), to: "a\(suffix)")
            unlink(fixture.folder("sent/a\(suffix)"))
        }
        symlink(outside.path, fixture.folder("sent/linked"))
        symlink(outside("a"), fixture.folder("sent/a"))
        symlink(outside("a.sha256"), fixture.folder("sent/a.sha256"))
        let outcome = try fixture.tidyUp(bytes: 0)
        #expect(outcome.removed == [] && outcome.kept == [:])
        #expect(outside.files() == ["a", "a.sha256"])
    }

    @Test("leaves a receipt whose file somebody has removed")
    func receiptAlone() throws {
        let fixture = try SentFixture()
        try fixture.keepCertificate()
        try fixture.addSent("a", daysAgo: 0)
        unlink(fixture.folder("sent/a"))
        #expect(try fixture.tidyUp(bytes: 0).removed == [])
        #expect(fixture.visibleSentFiles == ["a.sha256"])
    }

    @Test(
        "takes no other names for those that a file got because its own was taken",
        arguments: [
            ("a.json", "a.json", true), ("a~2.json", "a.json", true), ("a~10.json", "a.json", true),
            ("a~1.json", "a.json", false), ("a~02.json", "a.json", false), ("a~.json", "a.json", false),
            ("a~2.csv", "a.json", false), ("b~2.json", "a.json", false), ("a~2", "a", true),
            ("a.json~2", "a.json", false),
            ("a~-2.json", "a.json", false), ("", "a", false), ("a", "a.json", false),
            ("a~99999999999999999999.json", "a.json", false), ("a~+2.json", "a.json", false),
        ])
    func names(name: String, original: String, expected: Bool) {
        #expect(isSentName(name, of: original) == expected)
    }
}

@Suite("A run that tidies up", .timeLimit(.minutes(2)))
struct TidyingRunTests {
    @Test("keeps the receiver's certificate, and removes what it has verified with it")
    func program() async throws {
        let station = try Station(files: ["a": "1", "b": "2"])
        let receiver = try station.listenHonestly()
        let first = try await station.send(to: receiver.port)
        #expect(first.exitCode == 0)
        #expect(station.sentFiles.count == 4)
        let options = ["--keep-sent-space", "0"]
        let listed = try await station.send(to: receiver.port, options + ["--dry-run"])
        #expect(listed.output.contains("\n  a\n  b\n2 files, with their receipts "))
        #expect(station.sentFiles.count == 4)
        let tidied = try await station.send(to: receiver.port, options)
        #expect(tidied.output.contains("2 sent files removed, "))
        #expect(tidied.errors == "")
        #expect(station.sentFiles == [])
    }

    @Test("makes room on a full disk before it sends, and says how where it may not", .enabled(if: geteuid() == 0))
    func fullDisk() async throws {
        let station = try Station(files: ["a": "1", "b": "2"])
        guard let disk = try await SmallDisk(at: station.folder("sent_files")) else { return }
        let receiver = try station.listenHonestly()
        #expect(try await station.send(to: receiver.port).exitCode == 0)
        try station.write("3", to: "c")
        disk.fill()
        let full = try await station.send(to: receiver.port)
        #expect(full.exitCode == 73)
        #expect(
            full.errors.contains(": No space left on device\n  hint: make room on this disk (df "), "\(full.errors)")
        let tidied = try await station.send(to: receiver.port, ["--keep-sent-space", "0"])
        #expect(tidied.exitCode == 0, "\(tidied.errors)")
        #expect(tidied.output.hasPrefix("2 sent files removed, "))
        #expect(tidied.output.contains("1 file sent"))
        #expect(station.waitingFiles == [])
        await disk.remove()
    }

    @Test("makes room where the disk became full while it sent", .enabled(if: geteuid() == 0))
    func filledMeanwhile() async throws {
        let station = try Station(names: ["a", "c", "d"])
        guard let disk = try await SmallDisk(at: station.folder("sent_files")) else { return }
        let isFull = SharedCount()
        let receiver = try station.listen { answers, request in
            if isFull.value == 1 {
                disk.fill()
                isFull.add()
            }
            return try answers.answer(to: request)
        }
        let sent = try await blocking {
            var settings = StationSettings.quick
            settings.sentLimits = SentLimits(bytes: 0)
            let sender = try station.sender(to: receiver.port, settings: settings) { _ in }
            _ = try sender.send()
            isFull.add()
            try station.write("2", to: "b")
            let first = try sender.send().sent
            return [first, try sender.send().sent]
        }
        #expect(sent == [0, 1])
        await disk.remove()
    }

    @Test("goes on with the rest of it where it cannot send: nothing listens there")
    func receiverAway() async throws {
        let station = try Station(files: ["a": "1"])
        let receiver = try station.listenHonestly()
        #expect(try await station.send(to: receiver.port).exitCode == 0)
        try station.write("2", to: "b")
        let outcome = try await station.send(to: TestPort.closed, ["--keep-sent-space", "0", "--give-up-after", "1s"])
        #expect(outcome.exitCode == 69)
        #expect(outcome.output.contains("1 sent file removed, "))
    }

    @Test(
        "refuses limits that are none, exit 64",
        arguments: [
            ["--keep-sent", "30"], ["--keep-sent", "0d"], ["--keep-sent", "-1d"], ["--keep-sent", "1.5d"],
            ["--keep-sent-space", "2XB"], ["--keep-sent-space", "-1"], ["--keep-sent-space", "99999999999TB"],
        ])
    func refusals(options: [String]) async throws {
        let outcome = try await Program.run("secure-sender", ["127.0.0.1", "data"] + options)
        #expect(outcome.exitCode == 64)
    }
}
