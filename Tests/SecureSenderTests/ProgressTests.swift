import CommandSupport
import OpenSSL
import Testing
import UploadProtocol

@testable import SecureSender

private let start = Uptime(sinceStart: .seconds(1000))

private func progress(files: Int = 10, bytes: Int64? = 1_000_000) -> Progress {
    Progress(total: .init(files: files, bytes: bytes), at: start)
}

@Suite("Progress")
struct ProgressTests {
    @Test("is what the receiver has confirmed, each byte once")
    func counts() {
        var progress = progress()
        progress.finish("a", size: 100_000, at: start + .seconds(1))
        progress.reach(300_000, of: "b", at: start + .seconds(2))
        // The receiver lost some, and has them again.
        progress.reach(200_000, of: "b", at: start + .seconds(3))
        progress.reach(300_000, of: "b", at: start + .seconds(4))
        #expect(progress.bytes == 400_000)
        #expect(progress.files == 1)
        progress.finish("b", size: 400_000, at: start + .seconds(5))
        #expect(progress.bytes == 500_000)
        #expect(progress.part == 0.5)
    }

    @Test("is by files where the bytes are not known, and never more than all")
    func parts() {
        var unknown = progress(bytes: nil)
        unknown.finish("a", size: 5, at: start)
        #expect(unknown.part == 0.1)
        var grown = progress(files: 1, bytes: 10)
        grown.finish("a", size: 500, at: start)
        #expect(grown.part == 1)
        #expect(progress(files: 0, bytes: 0).part == nil)
    }

    @Test("tells the rate of the last quarter of a minute")
    func rate() {
        var progress = progress()
        #expect(progress.rate(at: start + .milliseconds(900)) == nil)
        progress.finish("a", size: 10_000, at: start + .seconds(1))
        #expect(progress.rate(at: start + .seconds(2)) == 5000)
        #expect(progress.rate(at: start + .seconds(10)) == 1000)
        // Longer ago than the window.
        #expect(progress.rate(at: start + .seconds(17)) == 0)
        for second in 20..<40 { progress.finish("b", size: 3000, at: start + .seconds(second)) }
        #expect((2800...3200).contains(progress.rate(at: start + .seconds(40)) ?? 0))
    }

    @Test("tells the time that is left only where it can be known")
    func timeLeft() {
        var progress = progress()
        #expect(progress.timeLeft(at: start + .seconds(5)) == nil)
        progress.finish("a", size: 100_000, at: start + .seconds(9))
        #expect(progress.timeLeft(at: start + .seconds(10)) == .seconds(90))
        progress.wait("trying again soon")
        #expect(progress.timeLeft(at: start + .seconds(10)) == nil)
        progress.finish("b", size: 100_000, at: start + .seconds(10))
        #expect(progress.timeLeft(at: start + .seconds(10)) == .seconds(40))
        // Nothing has come for a while.
        #expect(progress.timeLeft(at: start + .seconds(40)) == nil)
        var unknown = Progress(total: .init(files: 3, bytes: nil), at: start)
        unknown.finish("a", size: 100_000, at: start + .seconds(2))
        #expect(unknown.timeLeft(at: start + .seconds(2)) == nil)
    }

    @Test("is told in a log at each tenth, at most every 10 s and at least every 5 minutes")
    func pace() {
        var pace = ProgressPace(from: start)
        var progress = progress()
        func isDue(_ progress: Progress, at time: Uptime) -> Bool { pace.isDue(progress, at: time) }
        #expect(!isDue(progress, at: start + .seconds(60)))
        progress.finish("a", size: 110_000, at: start + .seconds(5))
        #expect(!isDue(progress, at: start + .seconds(9)))
        #expect(isDue(progress, at: start + .seconds(10)))
        #expect(!isDue(progress, at: start + .seconds(300)))
        #expect(isDue(progress, at: start + .seconds(311)))
        progress.finish("b", size: 890_000, at: start + .seconds(400))
        #expect(!isDue(progress, at: start + .seconds(900)))
    }
}

@Suite("A line of progress")
struct ProgressLineTests {
    private func half() -> Progress {
        var progress = progress()
        progress.finish("a", size: 500_000, at: start + .seconds(5))
        return progress
    }

    @Test("has a bar, how much, how fast, how long and which file where the terminal is wide")
    func wide() {
        let line = ProgressLine.bar(half(), file: "camera/1.jpg", at: start + .seconds(5), width: 120)
        #expect(
            line
                == "[###############---------------]  50%  1 of 10 files, 500.0 kB of 1.0 MB  100.0 kB/s  0:05 left  camera/1.jpg"
        )
    }

    @Test("loses what is least missed where it is narrow, and fits every width", arguments: 0...130)
    func fits(width: Int) {
        let line = ProgressLine.bar(half(), file: "日本語のファイル名.jpg", at: start + .seconds(5), width: width)
        #expect(columns(line) <= max(0, width - 1))
        if width >= 5 { #expect(line.contains("50%")) }
    }

    @Test("for a log has the same in words")
    func words() {
        #expect(
            ProgressLine.words(half(), at: start + .seconds(5))
                == "50%, 1 of 10 files, 500.0 kB of 1.0 MB, 100.0 kB/s, 0:05 left")
    }

    @Test("does not say 100% before all has come")
    func almost() {
        var progress = progress()
        progress.finish("a", size: 999_999, at: start)
        #expect(ProgressLine.words(progress, at: start).hasPrefix("99%, "))
    }

    @Test("shows what a name could do to a terminal, and counts the columns of wide characters")
    func names() {
        let line = ProgressLine.bar(half(), file: "a\u{1B}[2J\u{202E}b", at: start + .seconds(5), width: 200)
        #expect(line.hasSuffix("a\\u{1b}[2J\\u{202e}b"))
        #expect(columns("日本") == 4)
        #expect(columns("e\u{301}") == 1)
        #expect(columns("🛰") == 2 || columns("🛰") == 1)
        #expect(clipped("日本語", to: 5) == "日本…")
        #expect(clipped("日本語", to: 4) == "日…")
        #expect(clipped("abc", to: 3) == "abc")
        #expect(clipped("abc", to: 0) == "")
    }

    @Test(
        "says times as a clock does",
        arguments: [
            (0, "0:00"), (42, "0:42"), (1025, "17:05"), (12_000, "3:20:00"), (200_000, "2 days"),
        ])
    func clock(seconds: Int, text: String) {
        #expect(ProgressLine.clock(.seconds(seconds)) == text)
    }
}

@Suite("What people are told of a run")
struct TextReportTests {
    /// Lines as they come; what is drawn begins with `~`, and `^` is the erased bar.
    private final class Screen {
        var lines: [String] = []
        var now = start

        func report(
            _ verbosity: ReportOptions.Verbosity? = nil, noProgress: Bool = false, isTerminal: Bool = false
        ) -> TextReport {
            var options = ReportOptions()
            (options.verbosity, options.json, options.noProgress) = (verbosity, false, noProgress)
            let output = TextReport.Output(
                say: { self.lines.append($0) }, complain: { self.lines.append("! \($0)") },
                draw: isTerminal ? { self.lines.append("~\($0)") } : nil, erase: { self.lines.append("^") },
                width: { 60 })
            return TextReport(options, output: output, now: { self.now })
        }
    }

    private func started(_ files: Int) -> SendEvent {
        .started(files: files, bytes: Int64(files) * 1000, receiver: "https://lab:3500", pi: PiName("pi-01")!)
    }

    private func sent(_ number: Int) throws -> SendEvent {
        let path = try UploadPath(segments: ["f\(number)"])
        let receipt = Receipt(
            pi: PiName("pi-01")!, path: path, size: 1000, digest: .ofNothing, received: 0, result: .created)
        return .sent(path, receipt: receipt, keptAs: nil)
    }

    private func failed(_ name: String) -> SendEvent {
        .failed(.notSent(name, reason: "full", hint: nil), file: name)
    }

    @Test("is each file where there are few, and their number where there are many")
    func listing() throws {
        for (files, count) in [(20, 20 + 2), (21, 2)] {
            let screen = Screen()
            let report = screen.report()
            report(started(files))
            for number in 0..<files { report(try sent(number)) }
            report(.finished(sent: files, waiting: 0, folder: "/sent"))
            #expect(screen.lines.count == count)
            #expect(screen.lines.first == "Sending \(files) files to https://lab:3500 as pi-01")
            #expect(screen.lines.last == "\(files) files sent, moved to /sent")
        }
    }

    @Test("is everything with --verbose")
    func verbose() throws {
        let screen = Screen()
        let report = screen.report(.verbose)
        report(started(30))
        report(.connecting)
        report(.connected(cipherSuite: "TLS_X"))
        for number in 0..<30 { report(try sent(number)) }
        report(.waiting(.milliseconds(520)))
        report(.waiting(.milliseconds(61_020)))
        report(.reconnecting(after: .milliseconds(810), reason: "reset"))
        report(.reconnecting(after: .zero, reason: "reset"))
        #expect(
            screen.lines.prefix(3) == [
                "Sending 30 files to https://lab:3500 as pi-01", "Connecting", "Connected: TLS 1.3, TLS_X",
            ])
        #expect(screen.lines.count == 37)
        #expect(
            screen.lines.suffix(4) == [
                "  waiting for the receiver, 0.6 seconds by now", "  waiting for the receiver, 62 seconds by now",
                "! Reconnecting in 0.9 seconds: reset", "! Reconnecting at once: reset",
            ])
    }

    @Test("is only what went wrong with --quiet")
    func quiet() throws {
        let screen = Screen()
        let report = screen.report(.quiet, isTerminal: true)
        report(started(2))
        screen.now = start + .seconds(60)
        report(try sent(1))
        report(.reconnecting(after: .seconds(9), reason: "reset"))
        report(.notice("Another secure-sender is sending from /data: nothing to do"))
        report(.warning("Warning: every user of this computer can read pi.pem"))
        report(failed("b"))
        report(.finished(sent: 1, waiting: 1, folder: "/sent"))
        #expect(
            screen.lines == [
                "! Warning: every user of this computer can read pi.pem", "! b could not be sent: full",
            ])
    }

    @Test("has a bar on a terminal, which makes room for every line and goes at the end")
    func bar() throws {
        let screen = Screen()
        let report = screen.report(isTerminal: true)
        report(started(30))
        report(try sent(1))
        #expect(screen.lines.count == 1, "no bar in the first half second")
        screen.now = start + .seconds(2)
        report(try sent(2))
        report(try sent(3))
        #expect(screen.lines.dropFirst() == ["~6%  2 of 30 files, 2.0 kB of 30.0 kB  1.0 kB/s  0:28 left"])
        report(failed("b"))
        #expect(screen.lines.dropFirst(2).prefix(2) == ["^", "! b could not be sent: full"])
        #expect(screen.lines.last?.hasPrefix("~") == true)
        report(.finished(sent: 2, waiting: 28, folder: "/sent"))
        #expect(screen.lines.suffix(2) == ["^", "2 files sent, moved to /sent; 28 left for the next run"])
        report.end()
        #expect(screen.lines.last?.hasPrefix("2 files") == true)
    }

    @Test("has a line now and then in a log, unless --no-progress", arguments: [false, true])
    func log(noProgress: Bool) throws {
        let screen = Screen()
        let report = screen.report(noProgress: noProgress)
        report(started(30))
        for number in 0..<15 {
            screen.now = screen.now + .seconds(2)
            report(try sent(number))
        }
        let lines = screen.lines.dropFirst()
        #expect(noProgress ? lines.isEmpty : (2...3).contains(lines.count))
        if !noProgress { #expect(lines.first == "  16%, 5 of 30 files, 5.0 kB of 30.0 kB, 500 bytes/s, 0:50 left") }
    }
}
