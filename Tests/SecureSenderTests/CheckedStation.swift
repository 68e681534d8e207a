import CommandSupport
import Foundation
import TestSupport
import UploadProtocol

@testable import SecureSender

extension CheckTests {
    /// A receiver that answers each question for its status like this.
    func listen(
        _ station: Station, into store: Store? = nil,
        _ answer: @escaping @Sendable (Answers, Int) -> [UInt8] = { answers, _ in answers.status() }
    ) throws -> ScriptedReceiver {
        let answers = station.answers
        return try station.listen { connection in
            for number in 0... {
                store?.keep(try connection.nextRequest())
                try connection.send(answer(answers, number))
            }
        }
    }
}

enum TestPort {
    /// Nothing listens there.
    static let closed: UInt16 = 1
}

struct CheckOutcome: Sendable {
    let findings: [CheckFinding]
    let failure: CommandFailure?
}

extension Station {
    /// Runs the built program.
    func check(_ port: UInt16, host: String = "127.0.0.1", _ arguments: [String] = []) async throws -> Program.Outcome {
        try await Program.run(
            "secure-sender",
            ["check", host] + arguments + ["--port", "\(port)", "--identity", folder("identity")], in: folder.path)
    }

    /// Inside the test's process, where time limits can be chosen.
    func look(_ port: UInt16, settings: SenderSettings) async throws -> CheckOutcome {
        let identity = folder("identity")
        return try await blocking {
            var findings: [CheckFinding] = []
            var check = Check(
                address: "127.0.0.1", port: port, folder: nil, sentFolder: nil, identityFolder: identity
            ) { findings.append($0) }
            check.settings = settings
            do throws(CommandFailure) {
                try check.run()
                return CheckOutcome(findings: findings, failure: nil)
            } catch {
                return CheckOutcome(findings: findings, failure: error)
            }
        }
    }
}

extension Program.Outcome {
    /// `ok identity`, …
    var steps: [String] {
        output.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words.count >= 2 && ["ok", "warning", "failed"].contains(words[0]) ? "\(words[0]) \(words[1])" : nil
        }
    }
}

extension Answers {
    /// `ahead`: seconds by which the receiver's clock is.
    func status(available: Int64 = 12_345_678_901, ahead: Int64 = 0) -> [UInt8] {
        let time = Int64(Date().timeIntervalSince1970) + ahead
        return message(
            status: 200, body: ReceiverStatus(available: available, largest: 1_000_000_000, time: time).json,
            fields: [("Content-Type", ReceiverStatus.contentType), date(ahead: ahead)])
    }

    func date(ahead: Int64 = 0) -> (String, String) {
        ("Date", HTTPDate.format(Int64(Date().timeIntervalSince1970) + ahead))
    }
}
