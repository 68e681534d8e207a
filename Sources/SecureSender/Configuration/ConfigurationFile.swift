import CommandSupport
import Files
import Glibc
import TOMLKit

/// Settings in TOML, each under the name of its option.
struct ConfigurationFile: Hashable, Sendable {
    let path: String
    let settings: [GivenSetting]

    static let name = "secure-sender.toml"
    /// More than anybody writes, and less than what makes toml++ overflow its stack: a name of 30,000 parts.
    private static let mostBytes = 16 << 10

    /// `nil` if there is none. `chosen`: the file that has to be there.
    static func find(chosen: String?) throws(CommandFailure) -> ConfigurationFile? {
        if let chosen { return try ConfigurationFile(reading: chosen) }
        for path in places() {
            // Opened once: what is judged is what is read.
            guard let file = try open(path) else { continue }
            // Where others can put files, theirs must not decide for us.
            guard let status = try? file.status(), [0, geteuid()].contains(status.st_uid) else {
                throw CommandFailure(
                    "\(path) cannot be used", reason: "it is another user's",
                    hint: "name it with --config \(path) if it is to count", exitCode: .configuration)
            }
            return try ConfigurationFile(reading: file)
        }
        return nil
    }

    /// `nil` if it is not there, or this user may not look.
    private static func open(_ path: String) throws(CommandFailure) -> FileDescriptor? {
        do throws(SystemCallError) {
            // O_NONBLOCK: a FIFO of that name must not hold us up.
            return try FileDescriptor(opening: path, O_RDONLY | O_NONBLOCK)
        } catch {
            guard access(path, F_OK) == 0 else { return nil }
            throw unreadable(path, error)
        }
    }

    /// One that may be there, where this user may not look: as the service's, to all but root.
    static var closed: String? { places().first { access($0, R_OK) != 0 && errno == EACCES } }

    /// Where the identity is looked for, too.
    private static func places() -> [String] {
        let home = getenv("HOME").map { String(cString: $0) } ?? ""
        return [name] + (home.isEmpty ? [] : ["\(home)/.config/secure-sender/config.toml"])
            + ["/etc/secure-sender/config.toml"]
    }

    init(reading path: String) throws(CommandFailure) {
        let file: FileDescriptor
        do throws(SystemCallError) { file = try FileDescriptor(opening: path, O_RDONLY | O_NONBLOCK) } catch {
            throw Self.unreadable(path, error)
        }
        try self.init(reading: file)
    }

    private init(reading file: FileDescriptor) throws(CommandFailure) {
        let bytes: [UInt8]
        do throws(SystemCallError) { bytes = try readAll(file, limit: Self.mostBytes) } catch {
            throw Self.unreadable(file.path, error)
        }
        try self.init(parsing: bytes, path: file.path)
    }

    private static func unreadable(_ path: String, _ error: SystemCallError) -> CommandFailure {
        let hint = error.code == EACCES ? "put sudo before the command, or " : ""
        return unusable(path, "\(error)", hint: "\(hint)see whose it is and what it is: ls -l \(path)")
    }

    init(parsing bytes: [UInt8], path: String) throws(CommandFailure) {
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw Self.unusable(path, "it is not text in UTF-8", hint: "write it anew with a text editor")
        }
        let lines = KeyLines(text)
        do throws(PlainTOML.Doubt) { try PlainTOML.check(text) } catch {
            throw Self.unusable(
                path, CommandOutput.oneLine("line \(error.line) \(error.words)"),
                hint:
                    "settings have no [sections], {tables} and dates: a line is  name = value  with text in quotes, such as  sent-dir = \"/data/sent\""
            )
        }
        let table: TOMLTable
        do { table = try TOMLTable(string: text) } catch let error as TOMLParseError {
            throw Self.unusable(
                path, "line \(error.source.begin.line): \(CommandOutput.joinedLines(error.description))",
                hint: "a line is  name = value  with text in quotes, such as  sent-dir = \"/data/sent\"")
        } catch {
            throw Self.unusable(
                path, CommandOutput.joinedLines("\(error)"), hint: "compare it with the example in the manual")
        }
        var settings: [GivenSetting] = []
        // In the order of the file, so that the first mistake is told first.
        for key in table.keys.sorted(by: { lines[$0] ?? .max < lines[$1] ?? .max }) {
            let place = lines[key].map { "in line \($0) of \(path)" } ?? "in \(path)"
            let shown = "\(CommandOutput.oneLine(key, limit: 60)) \(place)"
            guard let setting = Setting.named(key), let value = table[key] else { throw Setting.unknown(key, shown) }
            guard let values = setting.kind.values(of: value) else {
                throw CommandFailure(
                    "\(shown) cannot be used", reason: "\(value.type.named) is not what it takes",
                    hint: "it takes \(setting.kind.form)", exitCode: .configuration)
            }
            settings.append(GivenSetting(setting: setting, values: values, origin: shown))
        }
        self.path = path
        self.settings = settings
    }

    private static func unusable(_ path: String, _ reason: String, hint: String) -> CommandFailure {
        CommandFailure(
            "\(CommandOutput.oneLine(path)) cannot be used", reason: reason, hint: hint, exitCode: .configuration)
    }
}

/// In which line a key stands: TOMLKit does not tell. Settings have no tables, so it is where a line begins with it.
private struct KeyLines {
    private var lines: [String: Int] = [:]

    init(_ text: String) {
        // By bytes: to Swift, CR LF is one character.
        let split = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in split.enumerated() {
            let name = line.prefix { !"=.]".utf8.contains($0) }.filter { !" \t\"'[".utf8.contains($0) }
            let key = String(decoding: name, as: UTF8.self)
            if !key.isEmpty, lines[key] == nil { lines[key] = index + 1 }
        }
    }

    subscript(key: String) -> Int? { lines[key] }
}

extension Setting.Kind {
    /// `nil` if it is of another type.
    fileprivate func values(of value: any TOMLValueConvertible) -> [String]? {
        switch self {
        case .flag: value.bool.map { ["\($0)"] }
        case .argument, .value: Self.text(of: value).map { [$0] }
        case .list:
            if let array = value.array {
                array.allSatisfy { Self.text(of: $0) != nil } ? array.compactMap { Self.text(of: $0) } : nil
            } else {
                Self.text(of: value).map { [$0] }
            }
        }
    }

    private static func text(of value: any TOMLValueConvertible) -> String? {
        value.string ?? value.int.map { "\($0)" }
    }

    fileprivate var form: String {
        switch self {
        case .flag: "true or false, without quotes"
        case .argument, .value: "a number, or text in quotes"
        case .list: "texts in brackets, such as [\"*.json\", \"*.csv\"]"
        }
    }
}

extension TOMLType {
    fileprivate var named: String {
        switch self {
        case .int, .array: "an \(self)"
        default: "a \(self)"
        }
    }
}
