import Testing

@testable import SecureSender

private let start = Uptime(sinceStart: .seconds(1000))

private func after(_ seconds: Double) -> Uptime { start + .seconds(seconds) }

/// Its pauses are as long as they can be, or as `share` of that.
private func policy(giveUpAfter: Duration? = .seconds(300), share: Double = 1) -> RetryPolicy {
    var settings = SenderSettings()
    settings.giveUpAfter = giveUpAfter
    settings.shortestBackoff = .seconds(1)
    settings.longestBackoff = .seconds(30)
    return RetryPolicy(settings: settings, now: start) { share }
}

@Suite("Trying again")
struct RetryPolicyTests {
    @Test("is done at once after a connection that brought something, then after doubling pauses up to the longest")
    func backOff() {
        var policy = policy()
        var pauses: [Duration] = []
        for _ in 0..<8 {
            // At the end of the pause before.
            guard case .retry(let pause) = policy.failed(at: policy.pauseEnd) else { break }
            pauses.append(pause)
        }
        #expect(pauses == [0, 1, 2, 4, 8, 16, 30, 30].map { .seconds($0) })
        let now = policy.pauseEnd
        policy.progress(at: now)
        expectEqual(policy.failed(at: now), .retry(after: .zero))
        expectEqual(policy.failed(at: now), .retry(after: .seconds(1)))
    }

    @Test("is spread over the whole pause, so that stations do not come together")
    func jitter() {
        var early = policy(share: 0)
        var late = policy(share: 0.9)
        _ = (early.failed(at: start), late.failed(at: start))
        expectEqual(early.failed(at: start), .retry(after: .zero))
        expectEqual(late.failed(at: start), .retry(after: .milliseconds(900)))
    }

    @Test("ends when nothing has got through for long enough, however many connections that were")
    func givesUp() {
        var policy = policy(giveUpAfter: .seconds(60), share: 0)
        for second in 0...60 { expectEqual(policy.failed(at: after(Double(second))), .retry(after: .zero)) }
        expectEqual(policy.failed(at: after(60.5)), .giveUp(after: .zero))
    }

    @Test("goes on as long as something gets through now and then")
    func progress() {
        var policy = policy(giveUpAfter: .seconds(60), share: 0)
        for round in 0..<1000 {
            let now = after(Double(round) * 50)
            expectEqual(policy.failed(at: now), .retry(after: .zero))
            policy.progress(at: now)
        }
    }

    @Test("does not wait for a pause that goes beyond the run, and says how long it would have been")
    func longBackOff() {
        var policy = policy(giveUpAfter: .seconds(2))
        _ = policy.failed(at: start)
        _ = policy.failed(at: start)
        expectEqual(policy.failed(at: after(1.5)), .giveUp(after: .seconds(2)))
    }

    @Test("waits as long as the receiver asks for, and a little longer by chance")
    func retryAfter() {
        var exact = policy(share: 0)
        expectEqual(exact.refused(forSeconds: 40, at: start), .retry(after: .seconds(40)))
        var late = policy(share: 1)
        expectEqual(late.refused(forSeconds: 40, at: start), .retry(after: .seconds(45)))
        #expect(late.pauseEnd == after(45))
    }

    @Test("waits once for what was refused together, for the longest that was asked for")
    func together() {
        var policy = policy()
        _ = policy.refused(forSeconds: nil, at: start)
        let pause = policy.pauseEnd - start
        for _ in 0..<100 { expectEqual(policy.refused(forSeconds: nil, at: start), .retry(after: pause)) }
        expectEqual(policy.refused(forSeconds: 80, at: start), .retry(after: .seconds(90)))
        expectEqual(policy.refused(forSeconds: 8, at: start), .retry(after: .seconds(90)))
    }

    @Test("doubles the pause where the receiver does not say until when")
    func withoutRetryAfter() {
        var policy = policy()
        expectEqual(policy.refused(forSeconds: nil, at: start), .retry(after: .seconds(1)))
        expectEqual(policy.refused(forSeconds: nil, at: after(1)), .retry(after: .seconds(2)))
        expectEqual(policy.refused(forSeconds: nil, at: after(3)), .retry(after: .seconds(4)))
    }

    @Test("is left to the next run if the receiver asks for longer than this one lasts, and not in one that has no end")
    func tomorrow() {
        var policy = policy(share: 0)
        expectEqual(policy.refused(forSeconds: 3600, at: start), .giveUp(after: .seconds(3600)))
        var endless = SecureSenderTests.policy(giveUpAfter: nil, share: 0)
        expectEqual(endless.refused(forSeconds: 3600, at: start), .retry(after: .seconds(3600)))
        for _ in 0..<1000 { expectEqual(endless.failed(at: after(1e6)), .retry(after: .zero)) }
    }
}
