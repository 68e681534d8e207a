import Testing

@testable import SecureSender

@Suite("What a connection is trusted to carry")
struct LinkReachTests {
    @Test("is everything, as long as none broke")
    func unbroken() {
        var reach = LinkReach()
        reach.confirmed(10)
        reach.ended(isBroken: false)
        #expect(reach.inPartsAbove(4 << 20) == 4 << 20)
        #expect(reach.bytesAtRisk(16 << 20) == 16 << 20)
        #expect(reach.mostOnTheWay == nil)
        #expect(reach.largestPart(8 << 20) == 8 << 20)
        #expect(reach.largestRecord == 16 << 10)
    }

    @Test("is what the last one carried that broke, and grows with what the next carries")
    func broken() {
        var reach = LinkReach()
        reach.confirmed(100 << 10)
        reach.ended(isBroken: true)
        #expect(reach.reach == 100 << 10)
        #expect(reach.inPartsAbove(4 << 20) == 12_800)
        #expect(reach.bytesAtRisk(16 << 20) == 50 << 10)
        #expect(reach.largestPart(8 << 20) == 100 << 10)
        #expect(reach.largestRecord == 2 << 10)
        #expect(reach.mostOnTheWay == 8 << 10)
        reach.confirmed(50 << 10)
        #expect(reach.reach == 100 << 10)
        reach.confirmed(974 << 10)
        #expect(reach.mostOnTheWay == 64 << 10)
        reach.confirmed(64 << 20)
        #expect(reach.mostOnTheWay == nil)
        #expect(reach.inPartsAbove(4 << 20) == 4 << 20)
        #expect(reach.largestRecord == 16 << 10)
    }

    @Test("counts what the receiver says afterwards to have got")
    func credited() {
        var reach = LinkReach()
        reach.confirmed(1 << 20)
        reach.ended(isBroken: true)
        reach.ended(isBroken: true)
        #expect(reach.reach == LinkReach.least)
        reach.carriedMoreBefore(90 << 10)
        #expect(reach.reach == 90 << 10)
        reach.carriedMoreBefore(10 << 10)
        #expect(reach.reach == 100 << 10)
    }
}

@Suite("The size of a part")
struct PartSizeTests {
    private let range: ClosedRange<Int64> = 1000...64_000

    @Test("at most doubles or halves with each part, and comes to what the link carries in the time")
    func adapts() {
        var size = PartSize(time: .seconds(1), range: range)
        #expect(size.current == 1000)
        size.carried(1000, in: .milliseconds(10))
        #expect(size.current == 2000)
        // 10,000 bytes a second.
        for _ in 0..<10 { size.carried(size.current, in: .seconds(Double(size.current) / 10_000)) }
        #expect((9_990...10_000).contains(size.current))
        size.carried(size.current, in: .seconds(100))
        #expect((4_990...5_000).contains(size.current))
    }

    @Test("stays within its limits")
    func limits() {
        var size = PartSize(time: .seconds(1), range: range)
        for _ in 0..<20 { size.carried(size.current, in: .zero) }
        #expect(size.current == 64_000)
        for _ in 0..<20 { size.carried(size.current, in: .seconds(1000)) }
        #expect(size.current == 1000)
    }

    @Test("does not follow the short end of a file")
    func shortEnd() {
        var size = PartSize(time: .seconds(1), range: range)
        for _ in 0..<3 { size.carried(size.current, in: .zero) }
        size.carried(10, in: .seconds(10))
        #expect(size.current == 8000)
    }
}

@Suite("The order of uploads")
struct UploadOrderTests {
    @Test("is the oldest first, and every so often the newest")
    func newestShare() {
        var order = UploadOrder(newestEvery: 4)
        let taken = (0..<8).map { _ in order.next() }
        #expect(taken == [.oldest, .oldest, .oldest, .newest, .oldest, .oldest, .oldest, .newest])
        var never = UploadOrder(newestEvery: 0)
        for _ in 0..<100 { expectEqual(never.next(), .oldest) }
    }

    @Test("gives small files and parts of large ones half of the bytes each, if both are there")
    func lanes() {
        var turns = LaneTurns()
        var bytes: [LaneTurns.Lane: Int64] = [:]
        for _ in 0..<10_000 {
            let lane = turns.order[0]
            let size: Int64 = lane == .small ? 2 << 10 : 512 << 10
            turns.took(lane, bytes: size)
            bytes[lane, default: 0] += size + LaneTurns.overhead
        }
        let difference = bytes[.small, default: 0] - bytes[.large, default: 0]
        #expect(difference.magnitude <= 1 << 20)
    }

    @Test("lets nobody save up for long what it did not use")
    func savings() {
        var turns = LaneTurns()
        for _ in 0..<1000 { turns.took(.large, bytes: 8 << 20) }
        var small = 0
        while turns.order[0] == .small {
            turns.took(.small, bytes: 2 << 10)
            small += 1
        }
        #expect(small <= 300)
    }
}

@Suite("A limited rate")
struct TokenBucketTests {
    private func time(_ seconds: Double) -> Uptime { Uptime(sinceStart: .seconds(seconds)) }

    @Test(
        "lets its bytes a second through, whatever is taken at once", arguments: [500, 10_000, 10_000_000] as [Int64])
    func rate(rate: Int64) {
        var bucket = TokenBucket(rate: rate, now: time(0))
        var now = 0.0
        var sent = 0
        while now < 100 {
            let bytes = bucket.available(at: time(now))
            bucket.take(bytes)
            sent += bytes
            let wait = bucket.wait
            #expect(bytes > 0 || wait > .zero)
            now += max(wait / .seconds(1), 1e-3)
        }
        #expect(abs(Double(sent) - Double(rate) * 100) <= Double(rate) * 2 + 3000)
    }

    @Test("saves up no more than a tenth of a second")
    func burst() {
        var bucket = TokenBucket(rate: 100_000, now: time(0))
        expectEqual(bucket.available(at: time(1000)), 10_000)
        bucket.take(10_000)
        expectEqual(bucket.available(at: time(1000)), 0)
        #expect(bucket.wait > .zero)
    }
}
