import Glibc
import Logging
import UploadProtocol

/// One event, and how it is written in each style.
struct LogLine {
    /// Since 1970.
    let time: timespec
    let level: Logger.Level
    let message: String
    let metadata: Logger.Metadata

    init(level: Logger.Level, message: String, metadata: Logger.Metadata = [:], time: timespec? = nil) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        self.time = time ?? now
        self.level = level
        self.message = message
        self.metadata = metadata
    }

    /// With its newline.
    func bytes(_ style: LogStyle) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        switch style {
        case .json:
            appendObject(to: &line)
        case .text:
            line += "\(internetTime) \(level.rawValue) ".utf8
            appendMessage(to: &line)
        case .journal:
            line += "<\(level.priority)>".utf8
            appendMessage(to: &line)
        case .terminal(let inColours):
            appendForPeople(inColours: inColours, to: &line)
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// `width`: of the message's column, in characters.
    private func appendMessage(width: Int = 0, to line: inout [UInt8]) {
        LogText.append(escaped: message, to: &line)
        if !metadata.isEmpty { line += repeatElement(UInt8(ascii: " "), count: max(0, width - message.count)) }
        for (key, value) in sortedMetadata {
            line.append(UInt8(ascii: " "))
            LogText.append(word: key, to: &line)
            line.append(UInt8(ascii: "="))
            LogText.append(word: "\(value)", to: &line)
        }
    }

    private func appendForPeople(inColours: Bool, to line: inout [UInt8]) {
        line += "\(localTime)  ".utf8
        let colour = inColours ? level.colour : nil
        if let colour { line += "\u{1B}[\(colour)m".utf8 }
        line += level.rawValue.utf8
        if colour != nil { line += "\u{1B}[0m".utf8 }
        line += repeatElement(UInt8(ascii: " "), count: 10 - level.rawValue.utf8.count)
        appendMessage(width: 16, to: &line)
    }

    /// What people look for first, then all else by name.
    var sortedMetadata: [(key: String, value: Logger.MetadataValue)] {
        metadata.sorted { (Self.rank($0.key), $0.key) < (Self.rank($1.key), $1.key) }
    }

    private static let first = [
        "pi", "path", "size", "result", "code", "detail", "reason", "hint", "seconds", "address",
    ]

    private static func rank(_ key: String) -> Int { first.firstIndex(of: key) ?? first.count }

    /// RFC 3339, UTC.
    var internetTime: String {
        "\(HTTPDate.formatInternet(Int64(time.tv_sec)).dropLast()).\(Self.digits(time.tv_nsec / 1_000_000, 3))Z"
    }

    private var localTime: String {
        var seconds = time.tv_sec
        var local = tm()
        localtime_r(&seconds, &local)
        let date = [local.tm_mon + 1, local.tm_mday].map { Self.digits(Int($0), 2) }
        let clock = [local.tm_hour, local.tm_min, local.tm_sec].map { Self.digits(Int($0), 2) }
        return "\(local.tm_year + 1900)-\(date.joined(separator: "-")) \(clock.joined(separator: ":"))"
    }

    private static func digits(_ number: Int, _ count: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, count - digits.count)) + digits
    }
}

extension Logger.Level {
    /// syslog(3).
    fileprivate var priority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    /// The number of the escape sequence (ECMA-48, SGR).
    fileprivate var colour: Int? {
        switch self {
        case .trace, .debug: 2
        case .info: nil
        case .notice: 36
        case .warning: 33
        case .error, .critical: 31
        }
    }
}
