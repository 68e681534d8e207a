import Files
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("The tar of a Pi")
struct TarballTests {
    private let name = PiName("north")!
    private let files: [(name: String, bytes: [UInt8])] = [
        ("secret.py", Array("secret='00000000000000aa'\n".utf8)), ("pi.pem", []),
        ("ca.pem", (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 151) }),
    ]

    @Test("is unpacked by tar and tested by gzip, whatever the size of its files")
    func outside() async throws {
        let folder = try TemporaryFolder()
        try folder.write(Tarball.pack(name, files, time: 1_700_000_000), to: "north.tar.gz")
        let tar = try await Program.run(
            "/bin/sh", ["-c", "gzip -t north.tar.gz && tar xzf north.tar.gz && stat -c '%Y %a' north north/*"],
            in: folder.path)
        #expect(tar.exitCode == 0 && tar.errors == "")
        #expect(tar.output == "1700000000 700\n" + String(repeating: "1700000000 600\n", count: 3))
        for file in files { #expect(try folder.read("north/\(file.name)") == file.bytes) }
    }

    @Test(
        "can be packed whatever the date",
        arguments: [(Int64.max, 0o777_7777_7777), (1 << 33, 0o777_7777_7777), (-1, 0)] as [(Int64, Int64)])
    func dates(time: Int64, written: Int64) {
        let packed = Tarball.pack(name, files, time: time)
        #expect(packed == Tarball.pack(name, files, time: written))
        #expect(Tarball.unpack(files.map(\.name), of: name, packed) != nil)
    }

    @Test("gives back what was packed, and nothing where a byte is another, or is missing")
    func damaged() throws {
        let files = [files[0], files[1]]
        let packed = Tarball.pack(name, files, time: 1_700_000_000)
        let names = files.map(\.name)
        let unpacked = try #require(Tarball.unpack(names, of: name, packed))
        for file in files { #expect(unpacked[file.name] == file.bytes) }
        for index in packed.indices {
            var damaged = packed
            damaged[index] ^= 0x10
            #expect(Tarball.unpack(names, of: name, damaged) == nil, "byte \(index)")
        }
        for count in stride(from: 0, to: packed.count, by: 13) {
            #expect(Tarball.unpack(names, of: name, Array(packed.prefix(count))) == nil)
        }
        #expect(Tarball.unpack(names, of: name, packed + [0]) == nil)
        #expect(Tarball.unpack(names, of: PiName("south")!, packed) == nil)
        #expect(Tarball.unpack(names.reversed(), of: name, packed) == nil)
        #expect(Tarball.unpack([names[0]], of: name, packed) == nil)
    }
}
