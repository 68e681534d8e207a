import TestSupport
import Testing

@Suite("With few descriptors", .timeLimit(.minutes(2)))
struct DescriptorTests {
    // By default fewer than the 1,024 of a shell, which the sender may raise; and 1,024 or 256 that it may not.
    @Test("a run moves 900 files, each in two folders of its own", arguments: ["-S -n 64", "-n 1024", "-n 256"])
    func manyFolders(limit: String) async throws {
        let station = try Station(names: (0..<900).map { "run\($0)/camera/image" })
        let receiver = try station.listenHonestly()
        let outcome = try await Program.run(
            "/bin/sh",
            [
                "-c", "ulimit \(limit) && exec \"$@\"", "sh", Program.path("secure-sender"), "127.0.0.1",
                station.folder("data"), "--port", "\(receiver.port)", "--identity", station.folder("identity"),
                "--quiet-time", "0s",
            ])
        #expect(outcome.errors == "")
        #expect(outcome.exitCode == 0)
        #expect(station.sentFiles.count == 1800)
        #expect(station.waitingFiles.isEmpty)
    }
}
