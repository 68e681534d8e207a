import CommandSupport
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("Sending a folder")
struct SendingTests {
    @Test("brings every file over one connection and moves it with its receipt")
    func sendsAll() async throws {
        let station = try Station(files: ["a.json": "one", "b.json": "two", "sub/c.csv": "three", "empty": ""])
        let store = Store()
        let receiver = try station.listenHonestly(into: store)
        let outcome = try await station.send(to: receiver.port)
        #expect(outcome.errors == "")
        #expect(outcome.exitCode == 0)
        #expect(station.waitingFiles == [])
        #expect(
            station.sentFiles == [
                "a.json", "a.json.sha256", "b.json", "b.json.sha256", "empty", "empty.sha256", "sub/c.csv",
                "sub/c.csv.sha256",
            ])
        #expect(store.targets == ["/v1/files/a.json", "/v1/files/b.json", "/v1/files/empty", "/v1/files/sub/c.csv"])
        #expect(store.all.map { String(decoding: $0.body, as: UTF8.self) } == ["one", "two", "", "three"])
        #expect(receiver.connectionCount == 1)
        #expect(
            outcome.output == """
                Sending 4 files to https://127.0.0.1:\(receiver.port) as pi-01
                  a.json  3 bytes  sent
                  b.json  3 bytes  sent
                  empty  0 bytes  sent
                  sub/c.csv  5 bytes  sent
                4 files sent, moved to \(station.folder("sent_files"))

                """)
        let checked = try await Program.run(
            "/usr/bin/sha256sum", ["-c", "a.json.sha256", "b.json.sha256", "empty.sha256"],
            in: station.folder("sent_files"))
        #expect(checked.exitCode == 0)
        let again = try await station.send(to: receiver.port)
        #expect(again.output == "There is nothing to send in \(station.folder("data"))\n")
        #expect(again.exitCode == 0)
        #expect(receiver.connectionCount == 1)
    }

    @Test("brings a file under each of its names, which change one another's times when they are moved")
    func hardLinks() async throws {
        let station = try Station(files: ["a": "1", "sub/other": "2"])
        for name in ["b", "sub/c"] { link(station.folder("data/a"), station.folder("data/\(name)")) }
        let receiver = try station.listenHonestly()
        let outcome = try await station.sendAll(to: receiver.port)
        #expect(outcome.status == .success)
        #expect(outcome.failures == [])
        #expect(outcome.sent.sorted() == ["a", "b", "sub/c", "sub/other"])
        #expect(station.waitingFiles == [])
    }

    @Test("tries each name of a file of which the first one could not be sent")
    func failedName() async throws {
        let station = try Station(files: ["a": "1"])
        link(station.folder("data/a"), station.folder("data/b"))
        let store = Store()
        let receiver = try station.listen(into: store) { answers, _ in answers.problem(.digestMismatch) }
        let sender = try station.sender(to: receiver.port) { _ in }
        for _ in 1...2 { _ = try sender.sendAll() }
        #expect(Set(store.targets) == ["/v1/files/a", "/v1/files/b"])
    }
}
