import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("What a Pi may bring in a day")
struct DayQuotaTests {
    private static let day: Int64 = 86_400
    private let quota = DayQuota(files: 2, bytes: .max)
    private let pi = PiName("pi-01")!

    private func charge(_ size: Int64 = 10, on day: Int64) throws -> DayQuota.Charge {
        try #require(try quota.charge(pi, size: size, now: day * Self.day))
    }

    @Test("is all there on the next day, and takes back only what was counted then")
    func nextDay() throws {
        let early = try charge(on: 1)
        try charge(on: 1).keep()
        #expect(throws: Refusal.self) { try charge(on: 1) }
        for _ in 1...2 { try charge(on: 2).keep() }
        early.settle(bytes: 0)
        #expect(throws: Refusal.self) { try charge(on: 2) }
    }

    @Test("is counted anew where the clock is set back, with nothing in it of what was held before")
    func clockSetBack() throws {
        let early = try charge(on: 1)
        try charge(on: 2).keep()
        try charge(on: 1).keep()
        early.settle(bytes: 0)
        try charge(.max - 10, on: 1).keep()
        #expect(throws: Refusal.self) { try charge(on: 1) }
    }
}
