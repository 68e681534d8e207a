import ArgumentParser
import Testing

@testable import SecureSender

@Suite("The options for how files are sent")
struct TransferOptionsTests {
    private func settings(_ options: [String]) throws -> SenderSettings {
        try SecureSenderCommand.parse(options).transfer.settings
    }

    @Test("take no rate that the receiver takes for a client that hangs")
    func slowestRate() throws {
        #expect(try settings(["--limit-rate", "2k"]).rateLimit == 2000)
        #expect(throws: (any Error).self) { try settings(["--limit-rate", "1999"]) }
        #expect(throws: (any Error).self) { try settings(["--limit-rate", "1KiB"]) }
    }

    @Test("leave room among few bytes in flight for parts of large files and for small ones beside them")
    func bytesInFlight() throws {
        #expect(try settings([]).inPartsAbove == SenderSettings().inPartsAbove)
        #expect(try settings([]).partSizes == SenderSettings().partSizes)
        let few = try settings(["--bytes-in-flight", "256KiB"])
        #expect(few.bytesInFlight == 256 << 10)
        #expect(few.inPartsAbove == 64 << 10)
        #expect(few.partSizes == 64 << 10...128 << 10)
        #expect(try settings(["--bytes-in-flight", "1GiB", "--in-parts-above", "5MiB"]).inPartsAbove == 5 << 20)
        #expect(throws: (any Error).self) { try settings(["--bytes-in-flight", "255KiB"]) }
    }
}
