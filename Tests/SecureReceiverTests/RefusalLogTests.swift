import Logging
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("Refusals in the log")
struct RefusalLogTests {
    private final class Clock: Sendable {
        private let time = Mutex(ContinuousClock.now)
        var now: ContinuousClock.Instant { time.withLock { $0 } }
        func advance(by duration: Duration) { time.withLock { $0 += duration } }
    }

    private let clock = Clock()
    private let log = TestLog()
    private let logger: Logger
    private let refusals: RefusalLog

    init() {
        let (clock, log) = (clock, log)
        logger = Logger(label: "test") { _ in log }
        refusals = RefusalLog { clock.now }
    }

    private func refuse(_ count: Int, _ pi: String?, _ level: Logger.Level = .notice) {
        for _ in 1...count { refusals.log(level, "request refused", of: pi.flatMap { PiName($0) }, to: logger) }
    }

    private func told(_ beginning: String) -> Int { log.lines.count { $0.hasPrefix(beginning) } }
    private var others: [String] { log.lines.filter { $0.contains("more requests refused") } }

    @Test("are told one by one up to 60 a minute of a Pi, then counted, and each Pi by itself")
    func areCounted() throws {
        refuse(1872, "pi-01")
        refuse(60, "pi-02")
        refuse(61, nil)
        #expect(told("notice request refused") == 180)
        clock.advance(by: .seconds(59))
        refusals.tellOfOthers(to: logger)
        #expect(others.isEmpty)
        clock.advance(by: .seconds(1))
        refusals.tellOfOthers(to: logger)
        #expect(others.count == 2)
        let line = try #require(others.first { $0.contains("pi-01") })
        #expect(line.hasPrefix("notice ") && line.contains("1812"))
        #expect(others.contains { $0.contains("\"more\": 1,") || $0.contains("\"more\": 1]") })

        // The next minute is as good as the first.
        refuse(61, "pi-01")
        #expect(told("notice request refused") == 240)
        refusals.tellOfOthers(to: logger)
        #expect(others.count == 2)
        refusals.tellOfOthers(all: true, to: logger)
        #expect(others.count == 3)
        refusals.tellOfOthers(all: true, to: logger)
        #expect(others.count == 3)
    }

    @Test("do not hide an error among many notices")
    func levels() {
        refuse(1000, "pi-01")
        refuse(1, "pi-01", .error)
        #expect(told("error request refused") == 1)
    }

    @Test("of a running receiver are told so, and how many there were more when it stops")
    func running() async throws {
        let log = Mutex<TestLog?>(nil)
        try await RunningReceiver.run { receiver in
            log.withLock { $0 = receiver.log }
            try await receiver.connected { client in
                let question = UploadRequest.about(
                    "/v1/uploads/\(String(repeating: "0", count: 64))", method: "HEAD", secret: receiver.secret)
                for _ in 1...70 {
                    try client.send(question.bytes)
                    #expect(try client.headers().status == 404)
                }
            }
            #expect(receiver.log.lines.count { $0.hasPrefix("notice request refused") } == 60)
            // In a stored file's line nothing is held back.
            #expect(try await receiver.answer(to: receiver.request()).status == 201)
            #expect(receiver.log.lines.contains { $0.hasPrefix("info file stored") })
        }
        let line = log.withLock { $0 }?.lines.first { $0.hasPrefix("notice more requests refused") }
        #expect(line?.contains("10") == true && line?.contains("pi-01") == true)
    }
}
