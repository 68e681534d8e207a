import Testing

@testable import SecureSender

private let start = Uptime(sinceStart: .seconds(1000))

@Suite("When a station looks at its folder")
struct LookScheduleTests {
    private func schedule(isPlain: Bool = false, chance: Double = 1) -> LookSchedule {
        LookSchedule(interval: .seconds(300), isPlain: isPlain) { chance }
    }

    @Test("changes are looked at soon, and the folder now and then without any")
    func allSent() {
        var schedule = schedule()
        let now = start + .milliseconds(200)
        let next = schedule.next(after: .allSent, begun: start, at: now)
        #expect(next == .init(earliest: start + .seconds(1), latest: now + .seconds(300)))
        let late = schedule.next(after: .allSent, begun: start, at: start + .seconds(60))
        #expect(late.earliest == start + .seconds(60))
    }

    @Test("what has come beside a large file is looked for at once, in a plain period too", arguments: [false, true])
    func unfinished(isPlain: Bool) {
        var schedule = schedule(isPlain: isPlain)
        let now = start + .seconds(20)
        #expect(schedule.next(after: .unfinished, begun: start, at: now) == .init(earliest: now, latest: now))
    }

    @Test("files that wait hold up nothing that appears beside them")
    func someWait() {
        var schedule = schedule()
        let next = schedule.next(after: .someWait, begun: start, at: start)
        #expect(next == .init(earliest: start + .seconds(1), latest: start + .seconds(300)))
    }

    @Test(
        "what was too young is looked at when the first of it is not, and what follows within five seconds shares that")
    func young() {
        func next(_ quiet: ClosedRange<Int>) -> [Duration] {
            var schedule = schedule()
            let ends = start + .seconds(quiet.lowerBound)...start + .seconds(quiet.upperBound)
            let next = schedule.next(after: .allSent, begun: start, quiet: ends, at: start)
            return [next.earliest - start, next.latest - start]
        }
        #expect(next(0...0) == [.seconds(1), .seconds(1)])
        #expect(next(2...3) == [.seconds(3), .seconds(3)])
        #expect(next(2...60) == [.seconds(5), .seconds(5)])
        #expect(next(20...60) == [.seconds(5), .seconds(20)])
        #expect(next(1000...2000) == [.seconds(5), .seconds(300)])
    }

    @Test("files of which none was taken are tried again after pauses that grow to five minutes")
    func allWait() {
        var schedule = schedule()
        let pauses = (0..<5).map { _ in schedule.next(after: .allWait, begun: start, at: start).earliest - start }
        #expect(pauses == [30, 60, 120, 240, 300].map { .seconds($0) })
        _ = schedule.next(after: .someWait, begun: start, at: start)
        let next = schedule.next(after: .allWait, begun: start, at: start)
        #expect(next == .init(earliest: start + .seconds(30), latest: start + .seconds(300)))
    }

    @Test("while the receiver is away nothing brings it back before its time, which grows to five minutes")
    func failed() {
        var schedule = schedule()
        var pauses: [Duration] = []
        for _ in 0..<9 {
            let next = schedule.next(after: .failed(pause: .zero), begun: start, at: start)
            #expect(next.earliest == next.latest)
            pauses.append(next.latest - start)
        }
        #expect(pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300].map { .seconds($0) })
        _ = schedule.next(after: .allSent, begun: start, at: start)
        #expect(schedule.next(after: .failed(pause: .zero), begun: start, at: start).latest == start + .seconds(5))
    }

    @Test("a pause is as long as the receiver asks for, and half of ours is by chance")
    func pauses() {
        var schedule = schedule(chance: 0)
        #expect(
            schedule.next(after: .failed(pause: .zero), begun: start, at: start).latest - start == .milliseconds(2500))
        #expect(
            schedule.next(after: .failed(pause: .seconds(900)), begun: start, at: start).latest - start == .seconds(900)
        )
    }

    @Test("a plain period is one, whatever happens")
    func plain() {
        var schedule = schedule(isPlain: true)
        for result in [LookSchedule.Result.allSent, .someWait, .failed(pause: .zero), .failed(pause: .seconds(280))] {
            let next = schedule.next(after: result, begun: start, at: start + .seconds(20))
            #expect(next == .init(earliest: start + .seconds(300), latest: start + .seconds(300)))
        }
        let late = schedule.next(after: .allSent, begun: start, at: start + .seconds(301))
        #expect(late.latest == start + .seconds(301))
    }

    @Test(
        "a plain period lets those pass in which the receiver wants nothing",
        arguments: [(281, 2), (900, 4), (3600, 13)])
    func plainPause(seconds: Int, periods: Int) {
        var schedule = schedule(isPlain: true)
        let next = schedule.next(after: .failed(pause: .seconds(seconds)), begun: start, at: start + .seconds(20))
        #expect(next.latest == start + .seconds(300 * periods))
        #expect(next.earliest == next.latest)
    }

    @Test("what was left alone for a while is looked at when that is over, but no sooner than anything else")
    func retry() {
        var schedule = schedule()
        let next = schedule.next(after: .someWait, begun: start, retry: start + .seconds(60), at: start)
        #expect(next == .init(earliest: start + .seconds(1), latest: start + .seconds(60)))
        #expect(schedule.next(after: .someWait, begun: start, retry: start, at: start).latest == start + .seconds(1))
        let late = schedule.next(after: .someWait, begun: start, retry: start + .seconds(900), at: start)
        #expect(late.latest == start + .seconds(300))
        let waiting = schedule.next(after: .allWait, begun: start, retry: start + .seconds(10), at: start)
        #expect(waiting == .init(earliest: start + .seconds(30), latest: start + .seconds(30)))
        var plain = self.schedule(isPlain: true)
        #expect(
            plain.next(after: .someWait, begun: start, retry: start + .seconds(60), at: start).latest == start
                + .seconds(300))
    }
}
