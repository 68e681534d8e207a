import CommandSupport
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("What programs are told of a run")
struct JSONReportTests {
    /// Every event that has a line.
    private static func events() throws -> [SendEvent] {
        let path = try UploadPath(segments: ["camera", "ü.jpg"])
        let receipt = Receipt(
            pi: PiName("pi-01")!, path: path, size: 5, digest: .ofNothing, received: 1_795_373_193, result: .created)
        return [
            .started(files: 2, bytes: 10, receiver: "https://lab:3500", pi: PiName("pi-01")!),
            .started(files: 2, bytes: nil, receiver: "https://lab:3500", pi: PiName("pi-01")!),
            .connected(cipherSuite: "TLS_AES_128_GCM_SHA256"),
            .begun(path, size: 5, inParts: true),
            .reached(path, bytes: 3, size: 5), .sent(path, receipt: receipt, keptAs: "x"),
            .sent(path, receipt: receipt, keptAs: nil),
            .failed(.notSent("b", reason: "full", hint: "make room"), file: "b\u{202E}\u{7F}"),
            .failed(.notADirectory("b", reason: "gone"), file: nil), .waiting(.seconds(3)),
            .pausing(.milliseconds(1500), reason: "busy"), .reconnecting(after: .zero, reason: "reset"),
            .gaveUp(reason: "silence", files: 3, pause: .seconds(60)),
            .clockIsWrong(behind: -70, isSynchronised: false),
            .certificateEnds(.receiver, time: 1_795_373_193, remaining: .seconds(60)), .notice("words"),
            .warning("words"),
            .waitingForQuiet(files: 1, quietTime: .seconds(5)), .beingWritten(files: 2),
            .finished(sent: 1, waiting: 1, folder: "/sent"), .nothingToSend(folder: "/data"),
            .sentFilesRemoved(files: 2, bytes: 5), .lookedAgain(files: 1, bytes: 5),
        ]
    }

    private func lines(_ events: [SendEvent]) throws -> [[String: Any]] {
        var lines: [String] = []
        let report = JSONReport(say: { lines.append($0) }, now: { Uptime(sinceStart: .seconds(5)) }, time: { 0 })
        for event in events { report(event) }
        report.fail(.notADirectory("/data", reason: "gone"))
        return try lines.map { line in
            #expect(!line.contains("\n"))
            #expect(!line.unicodeScalars.contains { $0.properties.isBidiControl })
            return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    @Test("is on one line each, and has the fields that docs/sender.md names, and those alone")
    func documented() throws {
        let documented = try Self.documentedFields()
        var seen: Set<String> = []
        for line in try lines(Self.events()) {
            let event = try #require(line["event"] as? String)
            seen.insert(event)
            let fields = try #require(documented[event], "docs/sender.md does not name the event \(event)")
            let names = Set(line.keys).subtracting(["event", "time"])
            #expect(line["time"] as? String == "1970-01-01T00:00:00Z")
            #expect(names.isSubset(of: fields.all), "\(event): \(names) beside \(fields.all)")
            #expect(fields.required.isSubset(of: names), "\(event): \(fields.required) not all of \(names)")
        }
        #expect(Set(documented.keys).subtracting(["step"]) == seen)
    }

    @Test("has of a sent file its digest, its receipt's time and how long it took")
    func sent() throws {
        let line = try lines(Self.events())[4]
        #expect(line["path"] as? String == "camera/ü.jpg")
        #expect(line["size"] as? Int == 5)
        #expect(line["sha256"] as? String == SHA256DigestText.ofNothing)
        #expect(line["received"] as? String == "2026-11-22T18:46:33Z")
        #expect(line["result"] as? String == "created")
        #expect(line["seconds"] as? Double == 0)
        #expect(line["kept-as"] as? String == "x")
    }

    private enum SHA256DigestText {
        static let ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    }

    /// Rows of the page's table, `| event | when | fields |`; a field in parentheses is not always there.
    private static func documentedFields() throws -> [String: (all: Set<String>, required: Set<String>)] {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/sender.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let section = text.components(separatedBy: "## Events for programs")[1].components(separatedBy: "\n## ")[0]
        var fields: [String: (all: Set<String>, required: Set<String>)] = [:]
        for row in section.split(separator: "\n") where row.hasPrefix("| `") {
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            let words = cells[2].components(separatedBy: ", ").filter { $0.contains("`") }
            let names = words.map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "()`")) }
            let optional = zip(words, names).filter { $0.0.hasPrefix("(") }.map(\.1)
            fields[cells[0].trimmingCharacters(in: CharacterSet(charactersIn: "`"))] = (
                Set(names), Set(names).subtracting(optional)
            )
        }
        return fields
    }

    @Test("comes from the program as well, with nothing else on standard output")
    func program() async throws {
        let station = try Station(files: ["a": "1", "b": "2"])
        let answers = station.answers
        let receiver = try station.listen { connection in
            while true {
                let request = try connection.nextRequest()
                let isRefused = request.target == "/v1/files/b"
                try connection.send(isRefused ? answers.problem(.pathConflict) : answers.receipt(for: request))
            }
        }
        let outcome = try await station.send(to: receiver.port, ["--json"])
        #expect(outcome.exitCode == 75)
        #expect(outcome.errors == "")
        let events = try outcome.output.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return object?["event"] as? String ?? "none"
        }
        // The one is told when it is moved, the other when it is refused.
        #expect(events.prefix(2) == ["started", "connected"])
        #expect(Set(events.dropFirst(2).dropLast()) == ["sent", "failed"])
        #expect(events.count == 5 && events.last == "finished")
        let unreached = try await station.send(to: TestPort.closed, ["--json"])
        #expect(unreached.output.contains(#""event":"ended""#))
        #expect(unreached.errors.hasPrefix("https://127.0.0.1:1 could not be reached: "))
        #expect(unreached.exitCode == 69)
    }
}
