import TestSupport
import Testing

@Suite("With few descriptors by default", .timeLimit(.minutes(2)))
struct DescriptorTests {
    @Test("a run moves 900 files, each in two folders of its own")
    func manyFolders() async throws {
        let station = try Station(names: (0..<900).map { "run\($0)/camera/image" })
        let receiver = try station.listenHonestly()
        // Fewer than the 1,024 of a shell: however few files are moved together, they need more.
        let outcome = try await Program.run(
            "/bin/sh",
            [
                "-c", "ulimit -S -n 64 && exec \"$@\"", "sh", Program.path("secure-sender"), "127.0.0.1",
                station.folder("data"), "--port", "\(receiver.port)", "--identity", station.folder("identity"),
                "--quiet-time", "0s",
            ])
        #expect(outcome.errors == "")
        #expect(outcome.exitCode == 0)
        #expect(station.sentFiles.count == 1800)
        #expect(station.waitingFiles.isEmpty)
    }
}
