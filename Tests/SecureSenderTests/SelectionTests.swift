import Files
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

/// A port on which nothing listens.
private let closedPort: UInt16 = 1

@Suite("The selection of files")
struct SelectionTests {
    @Test(
        "takes files by name or path, as fnmatch(3) does",
        arguments: [
            (["*.csv"], [], ["a.csv", "sub/b.csv", "sub/deep/c.csv"]),
            (["sub/*"], [], ["sub/b.csv", "sub/d.json", "sub/deep/c.csv"]),
            ([], ["*.csv"], ["e.json", "sub/d.json"]), ([], ["sub"], ["a.csv", "e.json"]),
            ([], ["sub/deep"], ["a.csv", "e.json", "sub/b.csv", "sub/d.json"]),
            (["*.csv"], ["sub/*"], ["a.csv"]), (["[ae].*"], [], ["a.csv", "e.json"]),
            (["?.json", "a*"], ["e*"], ["a.csv", "sub/d.json"]), (["*.png"], [], []),
            ([], ["sub/"], ["a.csv", "e.json"]), ([], ["deep/"], ["a.csv", "e.json", "sub/b.csv", "sub/d.json"]),
            ([], ["sub/deep/", "a.csv/"], ["a.csv", "e.json", "sub/b.csv", "sub/d.json"]),
            (["sub/"], [], ["sub/b.csv", "sub/d.json", "sub/deep/c.csv"]),
            (["deep/", "e*"], [], ["e.json", "sub/deep/c.csv"]),
            (["sub/"], ["deep/"], ["sub/b.csv", "sub/d.json"]),
        ] as [([String], [String], [String])])
    func selects(included: [String], excluded: [String], expected: [String]) throws {
        let folder = try TemporaryFolder()
        for name in ["a.csv", "sub/b.csv", "sub/deep/c.csv", "sub/d.json", "e.json"] {
            try folder.write([1], to: name)
        }
        let scan = try FileScan(
            of: Folder(opening: folder.path), leavingOut: nil,
            selection: FileSelection(included: included, excluded: excluded))
        var files = scan.files
        let names = (0..<files.count).compactMap { _ in files.take(.oldest, at: .now)?.path.description }
        #expect(names.sorted() == expected)
    }

    @Test("says nothing of names that are not wanted anyway")
    func refusedNames() throws {
        let folder = try TemporaryFolder()
        for name in ["a.sha256", "tab\tname", "good"] { try folder.write([1], to: name) }
        let scan = try FileScan(
            of: Folder(opening: folder.path), leavingOut: nil,
            selection: FileSelection(excluded: ["*.sha256", "tab*"]))
        #expect(scan.reserved.count == 0 && scan.unsendable.count == 0)
        #expect(scan.files.count == 1)
    }

    @Test(
        "refuses patterns that match nothing, exit 64",
        arguments: [["--include", ""], ["--exclude", "/home/pi/*"], ["--include", "./a"]])
    func refusals(options: [String]) async throws {
        let outcome = try await Program.run("secure-sender", ["127.0.0.1", "data"] + options)
        #expect(outcome.exitCode == 64)
    }
}

@Suite("A dry run")
struct DryRunTests {
    @Test("tells what would be sent, what would be left and why, without a connection or a folder for sent files")
    func lists() async throws {
        let station = try Station(files: [
            "a": "1", "b.csv": "22", "sub/c": "333", "old.sha256": "x", "tab\tname": "x", "open": "x",
        ])
        let writer = open(station.folder("data/open"), O_WRONLY | O_APPEND | O_CLOEXEC)
        defer { close(writer) }
        let outcome = try await station.send(to: closedPort, ["--dry-run", "--exclude", "*.csv"])
        #expect(outcome.exitCode == 0)
        #expect(outcome.errors == "")
        #expect(
            outcome.output == """
                Would send, the oldest first:
                  a  1 byte
                  sub/c  3 bytes
                2 files, 4 bytes
                Would leave:
                  open: it is still being written
                  old.sha256: names that begin with '.' or end in '.sha256' are reserved
                  tab\\u{9}name: the path has a slash inside of a segment, a control or a text-direction character

                """)
        #expect(station.waitingFiles.count == 6)
        #expect(!FileManager.default.fileExists(atPath: station.folder("sent_files")))
    }

    @Test("tells of files that are too young")
    func young() async throws {
        let station = try Station()
        try station.write("new", to: "new")
        try station.write("future", to: "future", age: -5000)
        let outcome = try await station.send(to: closedPort, ["--dry-run", "--quiet-time", "1h"])
        #expect(outcome.output.contains("  new  3 bytes  once it is unchanged for 60 minutes\n"))
        #expect(outcome.output.contains("  future  6 bytes  once it is unchanged for 60 minutes\n"))
    }
}
