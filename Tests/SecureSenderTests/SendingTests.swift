import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

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
}
