import CertificateAuthority
import CommandSupport
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

/// A port on which nothing listens.
private let closedPort: UInt16 = 1

@Suite("The messages that people and scripts look for")
struct MessageTests {
    @Test("Missing arguments, exit 64", arguments: [[], ["127.0.0.1"], ["--port", "3500"]])
    func missingArguments(arguments: [String]) async throws {
        let outcome = try await Program.run("secure-sender", arguments)
        #expect(outcome.errors.hasPrefix("Missing arguments: "))
        #expect(outcome.errors.contains("\n  hint: "))
        #expect(outcome.exitCode == 64)
        #expect(outcome.output == "")
    }

    @Test("refuses to dry-run the folder for sent files, as a run does")
    func dryRunOfSentFiles() async throws {
        let station = try Station(files: ["a": "1"])
        let outcome = try await station.send(
            to: TestPort.closed, ["--dry-run", "--sent-dir", station.folder("data")])
        #expect(outcome.exitCode == 73)
        #expect(outcome.errors.hasPrefix("Sent files cannot be moved to "))
    }

    @Test(
        "a usage error, exit 64",
        arguments: [
            ["a", "b", "c"], ["a", "b", "--port", "0"], ["a", "b", "--port", "65536"], ["a", "b", "--secret", "x"],
        ])
    func usage(arguments: [String]) async throws {
        let outcome = try await Program.run("secure-sender", arguments)
        #expect(outcome.exitCode == 64)
        #expect(outcome.errors.contains("Usage: secure-sender"))
    }

    @Test("the version, of a check too", arguments: [["--version"], ["check", "--version"]])
    func version(arguments: [String]) async throws {
        let outcome = try await Program.run("secure-sender", arguments)
        #expect(outcome.output == "\(programVersion)\n")
        #expect(outcome.exitCode == 0)
    }

    @Test("<dir> not a valid directory, exit 66")
    func notADirectory() async throws {
        let folder = try TemporaryFolder()
        try folder.write([1], to: "file")
        for (name, reason) in [("missing", "No such file or directory"), ("file", "Not a directory")] {
            let outcome = try await Program.run("secure-sender", ["127.0.0.1", folder(name)])
            #expect(outcome.errors.hasPrefix("\(folder(name)) not a valid directory: \(reason)\n  hint: "))
            #expect(outcome.exitCode == 66)
        }
    }

    @Test("https://<ip>:<port> could not be reached, exit 69, with the files where they are")
    func unreachable() async throws {
        let station = try Station(files: ["a": "content"])
        for (host, shown) in [
            ("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("[::1]", "[::1]"), ("localhost", "localhost"),
            ("no-such-host.invalid", "no-such-host.invalid"), ("https://lab", "https://lab"),
        ] {
            let outcome = try await station.send(to: closedPort, host: host)
            #expect(outcome.errors.hasPrefix("https://\(shown):1 could not be reached: "))
            #expect(outcome.errors.contains("\n  hint: "))
            #expect(outcome.exitCode == 69)
        }
        #expect(station.waitingFiles == ["a"])
    }

    @Test("https://<ip>:3500 could not be reached, where no port is given")
    func defaultPort() async throws {
        let station = try Station(files: ["a": "content"])
        // An address of the loopback network where nobody listens.
        let outcome = try await Program.run(
            "secure-sender",
            ["127.213.7.1", station.folder("data"), "--identity", station.folder("identity"), "--quiet-time", "0s"])
        #expect(outcome.errors.hasPrefix("https://127.213.7.1:3500 could not be reached: Connection refused\n"))
    }

    @Test("<file> could not be sent, exit 75, and the others arrive")
    func couldNotBeSent() async throws {
        let station = try Station(files: ["a": "1", "b": "2", "c": "3"])
        let answers = station.answers
        let receiver = try station.listen { connection in
            while true {
                let request = try connection.nextRequest()
                let isRefused = request.target == "/v1/files/b"
                try connection.send(isRefused ? answers.problem(.insufficientStorage) : answers.receipt(for: request))
            }
        }
        let outcome = try await station.send(to: receiver.port)
        #expect(
            outcome.errors.hasPrefix(
                "b could not be sent: the receiver's disk is full (507 as the test wants it)\n  hint: "))
        #expect(outcome.errors.contains("\n  hint: "))
        #expect(outcome.exitCode == 75)
        #expect(
            outcome.output.hasSuffix(
                "2 files sent, moved to \(station.folder("sent_files")); 1 left for the next run\n"))
        #expect(station.waitingFiles == ["b"])
        #expect(station.sentFiles == ["a", "a.sha256", "c", "c.sha256"])
    }

    @Test("There is nothing to send, exit 0, without a connection")
    func nothingToSend() async throws {
        let station = try Station()
        let outcome = try await station.send(to: closedPort)
        #expect(outcome.output == "There is nothing to send in \(station.folder("data"))\n")
        #expect(outcome.errors == "")
        #expect(outcome.exitCode == 0)
    }

    @Test("a notice for names that the receiver would refuse")
    func refusedNames() async throws {
        let station = try Station(files: ["a.sha256": "x", "b.sha256": "y"])
        let outcome = try await station.send(to: closedPort)
        #expect(outcome.errors.hasPrefix("2 names left out that the receiver does not take, such as "))
        #expect(outcome.output.hasPrefix("There is nothing to send in "))
        #expect(outcome.exitCode == 0)
    }

    @Test("<file> could not be sent, exit 75, for a name that nobody can store")
    func unsendableNames() async throws {
        let station = try Station(files: ["tab\tname": "x"])
        let outcome = try await station.send(to: closedPort)
        #expect(outcome.errors.hasPrefix("tab\\u{9}name could not be sent: "), "\(outcome.errors)")
        #expect(outcome.errors.contains("hint: give it another name"))
        #expect(outcome.output == "")
        #expect(outcome.exitCode == 75)
    }

    @Test("the name by which a file can be found, and what to do with it")
    func namesAndWaysOut() async throws {
        let deep = (1...16).map { "f\($0)" }.joined(separator: "/")
        let station = try Station(files: ["two\nlines": "x", "\(deep)/file": "x"])
        let outcome = try await station.send(to: closedPort)
        #expect(outcome.errors.contains("two\\u{a}lines could not be sent: "), "\(outcome.errors)")
        #expect(outcome.errors.contains("/f16/file could not be sent: "))
        #expect(outcome.errors.contains("\n  hint: move it up: at most 15 folders"))
        let folder: [CChar] = Array(station.folder("data/").utf8CString.dropLast()) + [98, -1, 0]
        mkdir(folder, 0o755)
        let name = try await Program.run(
            "/bin/sh", ["-c", "exec \"$0\" 127.0.0.1 data/b*", Program.path("secure-sender")], in: station.folder.path)
        #expect(name.errors.contains("\n  hint: its path seems not to be UTF-8: rename that folder"), "\(name.errors)")
        #expect(name.exitCode == 66)
    }

    @Test("how many files wait, those with a name that nobody can store among them")
    func counts() async throws {
        let station = try Station(files: ["a": "1", "tab\tname": "x"])
        let receiver = try station.listenHonestly()
        let outcome = try await station.send(to: receiver.port, ["--json"])
        #expect(outcome.output.contains(#""event":"finished""#) && outcome.output.contains(#""waiting":1"#))
        #expect(outcome.exitCode == 75)
    }

    @Test("an example session in --help, exit 0")
    func help() async throws {
        let outcome = try await Program.run("secure-sender", ["--help"])
        #expect(outcome.output.contains("$ secure-sender 192.168.1.20 data_logs"))
        #expect(outcome.exitCode == 0)
    }

    @Test("never the secret, in whatever goes wrong")
    func noSecret() async throws {
        let station = try Station(files: ["a": "content"])
        let secret = station.secret.key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        let answers = station.answers
        let receiver = try station.listen { connection in
            _ = try connection.nextRequest()
            try connection.send(answers.problem(.authenticationFailed))
        }
        let refused = try await station.send(to: receiver.port)
        // A typing error right beside it.
        try station.folder.write(Array("secret='\(secret)'x\n".utf8), to: "identity/secret.py")
        let broken = try await station.send(to: receiver.port)
        #expect(refused.exitCode == 77)
        #expect(broken.exitCode == 78)
        for outcome in [refused, broken] {
            #expect(!(outcome.output + outcome.errors).contains(secret))
        }
    }
}

@Suite("The folders of a run")
struct FolderTests {
    @Test(
        "may be named in every way, and sent_files is beside the real one",
        arguments: [".", "./", "../data/", "../link", "data"])
    func spellings(name: String) async throws {
        let station = try Station(files: ["a": "content"])
        symlink("data", station.folder("link"))
        let receiver = try station.listenHonestly()
        let outcome = try await Program.run(
            "secure-sender",
            [
                "127.0.0.1", name, "--port", "\(receiver.port)", "--identity", station.folder("identity"),
                "--quiet-time",
                "0s",
            ],
            in: name == "data" ? station.folder.path : station.folder("data"))
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(station.sentFiles == ["a", "a.sha256"])
    }

    @Test("may have the one for sent files inside of the other, which is then not sent")
    func sentInside() async throws {
        let station = try Station(files: ["a": "content", "done/old": "x"])
        let receiver = try station.listenHonestly()
        let outcome = try await station.send(to: receiver.port, ["--sent-dir", station.folder("data/done")])
        #expect(outcome.exitCode == 0)
        #expect(station.waitingFiles.filter { !$0.hasPrefix("done/.") } == ["done/a", "done/a.sha256", "done/old"])
        let again = try await station.send(to: receiver.port, ["--sent-dir", station.folder("data/done")])
        #expect(again.output.hasPrefix("There is nothing to send"))
    }

    @Test("are checked before anything is sent: exit 73 where sent files cannot be moved to")
    func sentFolderRefused() async throws {
        let station = try Station(files: ["a": "content"])
        try station.folder.write([1], to: "file")
        let places = [station.folder("file"), station.folder("no/such"), station.folder("data"), "/proc"]
        for place in places {
            let outcome = try await station.send(to: closedPort, ["--sent-dir", place])
            #expect(outcome.errors.hasPrefix("Sent files cannot be moved to \(place): "))
            #expect(outcome.errors.contains("nothing has been sent"))
            #expect(outcome.exitCode == 73)
        }
        #expect(station.waitingFiles == ["a"])
    }

    @Test("are worked in by one run at a time")
    func oneRunAtATime() async throws {
        let station = try Station(files: ["a": "content"])
        let descriptor = open(station.folder("data"), O_RDONLY | O_DIRECTORY)
        #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        defer { close(descriptor) }
        let outcome = try await station.send(to: closedPort)
        #expect(outcome.errors.hasPrefix("Another secure-sender is sending from "))
        #expect(outcome.exitCode == 0)
    }
}
