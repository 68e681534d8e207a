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
}
