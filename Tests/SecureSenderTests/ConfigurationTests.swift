import ArgumentParser
import CommandSupport
import Foundation
import TestSupport
import Testing

@testable import SecureSender

@Suite("A configuration file")
struct ConfigurationFileTests {
    private func parse(_ text: String) throws -> [GivenSetting] {
        try ConfigurationFile(parsing: Array(text.utf8), path: "lab.toml").settings
    }

    private func failure(_ bytes: [UInt8]) throws -> CommandFailure {
        let failure = try refusal { try ConfigurationFile(parsing: bytes, path: "lab.toml") }
        #expect(failure.exitCode == .configuration)
        return failure
    }

    @Test("says settings under the names of the options, in its own order, and where each stands")
    func reads() throws {
        let settings = try parse("# ours\r\nsent-dir = \"/data/s\"\r\n\r\n\"port\" = 3600\r\nip = '192.168.1.20'\r\n")
        #expect(settings.map(\.setting.name) == ["sent-dir", "port", "ip"])
        #expect(settings.map(\.values) == [["/data/s"], ["3600"], ["192.168.1.20"]])
        #expect(
            settings.map(\.origin)
                == [2, 4, 5].enumerated().map {
                    "\(["sent-dir", "port", "ip"][$0.offset]) in line \($0.element) of lab.toml"
                })
    }

    @Test("may be empty", arguments: ["", "\n# nothing\n"])
    func empty(text: String) throws {
        #expect(try parse(text).isEmpty)
    }

    @Test(
        "with a key that is none is refused, with the ones that may be meant",
        arguments: [
            ("port = 1\nsentdir = \"x\"", "sentdir in line 2 of lab.toml is no setting", "did you mean sent-dir?"),
            ("zebra = 1", "zebra in line 1 of lab.toml is no setting", "settings have the names of the options"),
            ("a.b = 1", "a in line 1 of lab.toml is no setting", "settings have the names of the options"),
            ("\"\" = 1", " in lab.toml is no setting", ""),
            ("\"x\\ny\" = 1", "x\\u{a}y in lab.toml is no setting", ""),
        ])
    func unknownKey(text: String, message: String, hint: String) throws {
        let failure = try failure(Array(text.utf8))
        #expect(failure.message == message)
        #expect(failure.hint?.hasPrefix(hint) == true)
    }

    @Test(
        "with a value of another type is refused",
        arguments: [
            "true", "1.5", "[3500]",
        ])
    func wrongType(value: String) throws {
        let failure = try failure(Array("\nport = \(value)".utf8))
        #expect(failure.message == "port in line 2 of lab.toml cannot be used")
        #expect(failure.hint == "it takes a number, or text in quotes")
    }

    @Test("takes one text or several for a list, and true or false without quotes for what is switched on")
    func kinds() throws {
        #expect(try parse("exclude = '*.tmp'\nwatch = false").map(\.values) == [["*.tmp"], ["false"]])
        #expect(try parse("exclude = ['a', 1]").map(\.values) == [["a", "1"]])
        for (text, hint) in [
            ("exclude = ['a', ['b']]", "it takes texts in brackets"), ("exclude = true", "it takes texts in brackets"),
            ("watch = 'true'", "it takes true or false, without quotes"), ("watch = 1", "it takes true or false"),
        ] {
            #expect(try failure(Array(text.utf8)).hint?.hasPrefix(hint) == true)
        }
    }

    @Test("that is no TOML is refused with the line", arguments: ["port = ", "port", "port = 1\nport = 2", "x = \"a"])
    func syntax(text: String) throws {
        let failure = try failure(Array("# first\n\(text)\n".utf8))
        #expect(failure.message == "lab.toml cannot be used")
        #expect(failure.reason?.hasPrefix("line ") == true, "\(failure)")
        #expect(failure.hint?.contains("name = value") == true)
    }

    @Test(
        "with a table is refused with the line, and so is what begins like one",
        arguments: [
            "[server]\nport = 1", "[[servers]]", "[", "[[", "[[[a]]]", "[.]", "[# list", " \t[", "[]",
            "[[]]",
            "[a.]", "exclude =\n[", "exclude = [\n[",
        ])
    func table(text: String) throws {
        for (start, line) in [("", 1), ("port = 1\n", 2), ("\u{feff}", 1)] {
            let failure = try failure(Array("\(start)\(text)\n".utf8))
            #expect(failure.message == "lab.toml cannot be used")
            let lines = text.utf8.first == UInt8(ascii: "e") ? line + 1 : line
            #expect(failure.reason == "line \(lines) begins with a bracket")
            #expect(failure.hint?.hasPrefix("settings have no [sections]") == true)
        }
    }

    @Test(
        "with what no setting takes is refused with the line",
        arguments: [
            ("{ a = 1 }", "has '{' outside of quotes"), ("[}", "has '}' outside of quotes"),
            ("10:15:00", "has ':' outside of quotes"), ("2026-05-16", "has a date outside of quotes"),
            ("2026-05-2e 7", "has a date outside of quotes"), ("[\u{85}", "has a character outside of quotes"),
            ("[\u{b}", "has '\\u{b}' outside of quotes"), ("\"\"\"a\"\"\"", "has three quotes in a row"),
            ("'''a'''", "has three quotes in a row"), ("'a' 'b\\' {", "has '{' outside of quotes"),
        ])
    func notPlain(value: String, words: String) throws {
        let failure = try failure(Array("# {2026-05-16}\nport = \(value)\n".utf8))
        #expect(failure.message == "lab.toml cannot be used")
        #expect(failure.reason == "line 2 \(words)")
    }

    @Test("takes in quotes and comments what it does not take outside of them")
    func quoted() throws {
        let text = "\u{feff}# it's {2026-05-16}\ndir = \"a\\\"{}é\" # \"\ninclude = ['\\', '1-2:{}', \"é\"]\r\n"
        #expect(try parse(text).map(\.values) == [["a\"{}é"], ["\\", "1-2:{}", "é"]])
    }

    @Test("says a value's type as people do", arguments: [("[3500]", "an array"), ("1.5", "a floating-point number")])
    func typeWords(value: String, words: String) throws {
        #expect(try failure(Array("port = \(value)".utf8)).reason == "\(words) is not what it takes")
    }

    @Test("that is no text is refused", arguments: [[0xff, 0x0a], Array("port = 1\n\0".utf8)] as [[UInt8]])
    func noText(bytes: [UInt8]) throws {
        #expect(try failure(bytes).reason == "it is not text in UTF-8")
    }

    @Test("that cannot be read, or is longer than anybody writes, is refused")
    func unreadable() throws {
        let folder = try TemporaryFolder()
        try folder.write([UInt8](repeating: UInt8(ascii: "\n"), count: 70_000), to: "long")
        for name in ["none", "long", "."] {
            #expect(throws: CommandFailure.self) { try ConfigurationFile.find(chosen: folder(name)) }
        }
    }
}

@Suite("Settings in the environment")
struct EnvironmentSettingsTests {
    @Test("have the options' names behind SECURE_SENDER_")
    func reads() throws {
        let settings = try EnvironmentSettings.read([
            "SECURE_SENDER_SENT_DIR": "/data/s", "SECURE_SENDER_PORT": "3600", "SECURE_SENDER_IP": "",
            "SECURE_SENDER_CONFIG": "x", "HOME": "/",
        ])
        #expect(settings.map(\.setting.name) == ["port", "sent-dir"])
        #expect(settings.map(\.values) == [["3600"], ["/data/s"]])
        #expect(settings.map(\.origin) == ["SECURE_SENDER_PORT", "SECURE_SENDER_SENT_DIR"])
    }

    @Test("that are neither true nor false are refused where they have to be one")
    func flags() throws {
        for (text, values) in [("true", ["true"]), ("1", ["true"]), ("No", ["false"])] {
            #expect(try EnvironmentSettings.read(["SECURE_SENDER_WATCH": text]).map(\.values) == [values])
        }
        let error = try refusal { try EnvironmentSettings.read(["SECURE_SENDER_WATCH": "perhaps"]) }
        #expect(error.message == "SECURE_SENDER_WATCH cannot be used")
        #expect(error.hint == "it takes true or false")
    }

    @Test("that are none are refused, with the ones that may be meant")
    func unknown() throws {
        let error = try refusal { try EnvironmentSettings.read(["SECURE_SENDER_SENTDIR": "x"]) }
        #expect(error.message == "SECURE_SENDER_SENTDIR in the environment is no setting")
        #expect(error.hint == "did you mean sent-dir?")
        #expect(error.exitCode == .configuration)
    }
}

@Suite("What counts")
struct PrecedenceTests {
    private func command(
        _ typed: [String], file: String = "", environment: [String: String] = [:]
    ) throws -> SecureSenderCommand {
        let folder = try TemporaryFolder()
        try folder.write(Array(file.utf8), to: "config.toml")
        return try SecureSenderCommand.parse(
            SecureSenderCommand.arguments(["--config", folder("config.toml")] + typed, environment: environment))
    }

    @Test("is the option, then the environment, then the file, then the default")
    func order() throws {
        #expect(try command([]).places.port == 3500)
        #expect(try command([], file: "port = 1").places.port == 1)
        #expect(try command([], file: "port = 1", environment: ["SECURE_SENDER_PORT": "2"]).places.port == 2)
        let all = try command(["--port", "3"], file: "port = 1", environment: ["SECURE_SENDER_PORT": "2"])
        #expect(all.places.port == 3)
    }

    @Test("is for address and folder what is typed, as far as it goes")
    func places() throws {
        let file = "ip = 'one'\ndir = '-two'"
        func places(_ typed: [String], _ file: String) throws -> [String?] {
            let command = try command(typed, file: file)
            return [command.ip, command.dir]
        }
        #expect(try places([], file) == ["one", "-two"])
        #expect(try places(["1"], file) == ["1", "-two"])
        #expect(try places(["1", "2"], file) == ["1", "2"])
        #expect(try places(["--", "1"], file) == ["1", "-two"])
        // A folder alone would be taken for the address.
        #expect(try places([], "dir = 'two'") == [nil, nil])
    }

    @Test("is refused where it stands")
    func origin() throws {
        let error = try refusal { try command([], file: "\nport = 70000") }
        #expect(error.message.hasPrefix("port in line 2 of "))
        #expect(error.reason == "The value '70000' is invalid for '--port <port>'")
        #expect(error.exitCode == .configuration)
        let variable = try refusal { try command([], environment: ["SECURE_SENDER_PORT": "0"]) }
        #expect(variable.message == "SECURE_SENDER_PORT cannot be used")
    }

    @Test("is no path with a ~, which nobody expands", arguments: ["dir", "identity", "sent-dir"])
    func homeFolder(name: String) throws {
        let error = try refusal { try command([], file: "\(name) = '~/data'") }
        #expect(error.message.hasPrefix("\(name) in line 1 of "))
        #expect(error.reason == "a ~ stands for a folder in shells alone")
        #expect(error.exitCode == .configuration)
        #expect(try command([], file: "\(name) = './~'").places.port == 3500)
    }

    @Test("is refused with the time that was written")
    func zero() throws {
        let error = try refusal { try command([], file: "look-every = '0s'") }
        #expect(error.reason == "--look-every takes a time from 1s to 366d, not 0s.")
    }

    @Test("is for lists and for what is switched on the last source that says something, not all of them together")
    func listsAndFlags() throws {
        let file = "exclude = ['a', 'b']\nwatch = true"
        #expect(try command([], file: file).selection.excluded == ["a", "b"])
        #expect(try command([], file: "exclude = 'a'").selection.excluded == ["a"])
        #expect(
            try command([], file: file, environment: ["SECURE_SENDER_EXCLUDE": "c,d"]).selection.excluded == ["c", "d"])
        #expect(try command(["--exclude", "e"], file: file).selection.excluded == ["e"])
        #expect(try command(["--exclude=e", "--exclude", "f"], file: file).selection.excluded == ["e", "f"])
        #expect(try command([], file: file).station.watch)
        #expect(try !command([], file: file, environment: ["SECURE_SENDER_WATCH": "false"]).station.watch)
        #expect(try command(["--verbose"], file: "quiet = true").reporting.verbosity == .verbose)
    }

    @Test("is of --watch and --every the one that a later source says")
    func watchOrEvery() throws {
        func choice(
            _ typed: [String], _ file: String, _ environment: [String: String] = [:]
        ) throws -> [String] {
            let station = try command(typed, file: file, environment: environment).station
            return (station.watch ? ["watch"] : []) + (station.every.map { ["\($0)"] } ?? [])
        }
        #expect(try choice(["--every", "10m"], "watch = true") == ["10m"])
        #expect(try choice(["--every=10m"], "watch = true") == ["10m"])
        #expect(try choice(["--watch"], "every = '10m'") == ["watch"])
        #expect(try choice([], "watch = true", ["SECURE_SENDER_EVERY": "10m"]) == ["10m"])
        #expect(try choice([], "every = '10m'", ["SECURE_SENDER_WATCH": "true"]) == ["watch"])
        #expect(try choice([], "every = '10m'", ["SECURE_SENDER_WATCH": "false"]) == ["10m"])
        #expect(try choice(["--watch"], "", ["SECURE_SENDER_EVERY": "10m"]) == ["watch"])
        #expect(throws: (any Error).self) { try choice(["--watch", "--every", "1m"], "") }
        let error = try refusal { try choice([], "port = 1\nwatch = true\nevery = '10m'") }
        #expect(error.message.hasPrefix("watch in line 2 of "))
        #expect(error.reason == "--every and --watch do not go together.")
    }

    @Test("may name a value that begins with a hyphen")
    func hyphen() throws {
        #expect(try command([], file: "sent-dir = '-s'").places.sentDir == "-s")
    }

    @Test("is for a check what it needs of it; all of it is judged")
    func check() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("ip = 'one'\nport = 7".utf8), to: "c.toml")
        let arguments = try CheckCommand.arguments([], environment: ["SECURE_SENDER_CONFIG": folder("c.toml")])
        #expect(try CheckCommand.parse(arguments).places.port == 7)
        #expect(try CheckCommand.parse(arguments).ip == "one")
    }

    @Test("is found in the current folder, and says all that is needed")
    func currentFolder() async throws {
        let station = try Station(files: ["a": "content"])
        let receiver = try station.listenHonestly()
        let text = "ip = \"127.0.0.1\"\ndir = \"data\"\nidentity = \"identity\"\nport = \(receiver.port)\n"
        try station.folder.write(Array(text.utf8), to: "secure-sender.toml")
        let outcome = try await Program.run("secure-sender", [], in: station.folder.path)
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(station.sentFiles == ["a", "a.sha256"])
    }

    @Test("is not what another user has put into the current folder", .enabled(if: geteuid() == 0))
    func otherUsersFile() async throws {
        let folder = try TemporaryFolder()
        try folder.write([], to: "secure-sender.toml")
        chown(folder("secure-sender.toml"), 12345, 12345)
        let outcome = try await Program.run("secure-sender", ["a", "b"], in: folder.path)
        #expect(
            outcome.errors.hasPrefix("secure-sender.toml cannot be used: it is another user's\n  hint: name it with"))
        #expect(outcome.exitCode == 78)
    }

    @Test("is said to be there perhaps, where this user may not look", .enabled(if: geteuid() == 0))
    func closedFile() async throws {
        let home = try TemporaryFolder()
        try home.write([], to: ".config/secure-sender/config.toml")
        chmod(home(".config/secure-sender"), 0o700)
        let outcome = try await Program.run(
            "/usr/bin/setpriv",
            ["--reuid=65534", "--regid=65534", "--clear-groups", Program.path("secure-sender"), "check"], in: "/",
            environment: ["HOME": home.path])
        #expect(
            outcome.errors.hasSuffix(
                "put sudo before it: \(home.path)/.config/secure-sender/config.toml may say them, to root\n"))
        #expect(outcome.exitCode == 64)
    }

    @Test("can be set for every option but those that are for one run alone")
    func everyOption() async throws {
        let help = try await Program.run("secure-sender", ["--experimental-dump-help"])
        let names = try optionNames(help.output)
        #expect(names == Set(Setting.all.map(\.name)).union(Setting.forOneRun))
        let check = try await Program.run("secure-sender", ["check", "--experimental-dump-help"])
        #expect(
            try optionNames(check.output)
                == Set(CheckCommand.settings.map(\.name)).union(["config", "help", "version"]))
    }

    private func optionNames(_ dump: String) throws -> Set<String> {
        let object = try JSONSerialization.jsonObject(with: Data(dump.utf8)) as? [String: Any]
        let command = object?["command"] as? [String: Any]
        let arguments = command?["arguments"] as? [[String: Any]] ?? []
        return Set(
            arguments.compactMap { argument in
                let name = (argument["preferredName"] as? [String: Any])?["name"]
                return (name ?? argument["valueName"]) as? String
            })
    }
}

/// The one that `body` ends with.
private func refusal(_ body: () throws -> some Any) throws -> CommandFailure {
    do { _ = try body() } catch let error as CommandFailure { return error }
    throw NoFailure()
}

private struct NoFailure: Error {}
