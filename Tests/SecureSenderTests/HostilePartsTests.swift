import CommandSupport
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("An untrustworthy answer about a file in parts", .timeLimit(.minutes(1)))
struct HostilePartsTests {
    private static var settings: SenderSettings {
        var settings = SenderSettings.impatient
        settings.inPartsAbove = 10
        return settings
    }

    private func run(
        _ answer: @escaping @Sendable (Answers, PeerRequest) throws -> [UInt8]
    ) async throws -> (Station, RunOutcome) {
        let station = try Station(files: ["large": String(repeating: "x", count: 5000)])
        let receiver = try station.listen(answering: answer)
        return (station, try await station.run(to: receiver.port, settings: Self.settings))
    }

    @Test(
        "with an offset outside of the file, or none, moves nothing",
        arguments: ["5001", "-1", "+1", "", "1.5", "99999999999999999999", "0x10"])
    func offsets(offset: String) async throws {
        let (station, outcome) = try await run { answers, request in
            answers.message(
                status: 201, body: "", fields: [("Location", request.target), ("Upload-Offset", offset)])
        }
        #expect(outcome.failures.map(\.message) == ["large could not be sent"])
        #expect(station.waitingFiles == ["large"])
    }

    @Test("with another upload's location moves nothing")
    func location() async throws {
        let (station, outcome) = try await run { answers, _ in
            answers.message(
                status: 201, body: "",
                fields: [("Location", "/v1/uploads/\(String(repeating: "0", count: 64))"), ("Upload-Offset", "0")])
        }
        #expect(outcome.failures.first?.reason?.contains("does not say how far") == true)
        #expect(station.waitingFiles == ["large"])
    }

    @Test("that says all of it is there is no receipt")
    func noReceipt() async throws {
        let (station, outcome) = try await run { answers, request in
            request.method == "POST"
                ? try answers.answer(to: request)
                : Array("HTTP/1.1 204 Words\r\nUpload-Offset: 5000\r\nUpload-Complete: ?1\r\n\r\n".utf8)
        }
        #expect(outcome.status == .temporaryFailure)
        #expect(outcome.sent == [])
        #expect(station.waitingFiles == ["large"])
    }

    @Test("that goes back and forth is left for the next run")
    func backAndForth() async throws {
        let (station, outcome) = try await run { answers, request in
            request.method == "POST"
                ? try answers.answer(to: request)
                : answers.problem(.uploadOffsetMismatch, fields: [("Upload-Offset", "0")])
        }
        #expect(outcome.failures.first?.reason?.contains("again and again") == true)
        #expect(station.waitingFiles == ["large"])
    }

    @Test("with the receipt of another request of the same file is refused")
    func receiptOfAnotherRequest() async throws {
        let (station, outcome) = try await run { answers, request in
            guard request.method == "PATCH" else { return try answers.answer(to: request) }
            return try answers.receipt(for: request) { $0.context.path = "/v1/files/large" }
        }
        #expect(outcome.failure?.message == "Authentication failed")
        #expect(station.waitingFiles == ["large"])
    }

    @Test("with a receipt for the part instead of the file moves nothing")
    func receiptOfPart() async throws {
        let (station, outcome) = try await run { answers, request in
            request.method == "PATCH" ? try answers.receipt(for: request) : try answers.answer(to: request)
        }
        #expect(outcome.failures.first?.reason == "the receipt is for another Pi, path, size or content")
        #expect(station.waitingFiles == ["large"])
    }
}
