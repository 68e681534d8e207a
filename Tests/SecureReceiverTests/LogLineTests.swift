import Foundation
import Logging
import TestSupport
import Testing

@testable import SecureReceiver

@Suite("A line of the log")
struct LogLineTests {
    private static let time = timespec(tv_sec: 1_785_492_900, tv_nsec: 7_000_000)
    private static let stored = LogLine(
        level: .info, message: "file stored",
        metadata: [
            "size": .stringConvertible(5), "path": "30 °C.json", "pi": "pi-01", "zone": "b", "address": "192.168.1.20",
            "seconds": .stringConvertible(0.25),
        ], time: time)

    private func text(_ line: LogLine, _ style: LogStyle) -> String {
        String(decoding: line.bytes(style), as: UTF8.self)
    }

    @Test("shows what people look for first, and the rest by name")
    func isOrdered() {
        #expect(
            text(Self.stored, .text)
                == "2026-07-31T10:15:00.007Z info file stored pi=pi-01 path=\"30 °C.json\" size=5 seconds=0.25 address=192.168.1.20 zone=b\n"
        )
    }

    @Test("has its priority instead of the time in the journal")
    func hasPriority() {
        let priorities = Logger.Level.allCases.map { level in
            text(LogLine(level: level, message: "m"), .journal)
        }
        #expect(priorities == ["<7>m\n", "<7>m\n", "<6>m\n", "<5>m\n", "<4>m\n", "<3>m\n", "<2>m\n"])
    }

    @Test("is one object of JSON with fixed names, in which numbers are numbers")
    func isJSON() throws {
        #expect(
            text(Self.stored, .json)
                == "{\"time\":\"2026-07-31T10:15:00.007Z\",\"level\":\"info\",\"message\":\"file stored\",\"pi\":\"pi-01\",\"path\":\"30 °C.json\",\"size\":5,\"seconds\":0.25,\"address\":\"192.168.1.20\",\"zone\":\"b\"}\n"
        )
        let nested = LogLine(
            level: .error, message: "m",
            metadata: ["level": "mine", "a": ["x", .stringConvertible(1), ["k": "\"v\"", "l": []]]])
        let object = try JSONSerialization.jsonObject(with: Data(nested.bytes(.json))) as? [String: Any]
        #expect(object?["level"] as? String == "error")
        #expect(object?["level_"] as? String == "mine")
        let values = try #require(object?["a"] as? [Any])
        #expect(values[0] as? String == "x")
        #expect(values[1] as? Int == 1)
        #expect((values[2] as? [String: Any])?["k"] as? String == "\"v\"")
    }

    @Test("is aligned on a terminal, and coloured by its level where that is wanted")
    func isForPeople() {
        let plain = text(Self.stored, .terminal(inColours: false))
        #expect(
            plain.hasSuffix(
                "  info      file stored      pi=pi-01 path=\"30 °C.json\" size=5 seconds=0.25 address=192.168.1.20 zone=b\n"
            ))
        #expect(!plain.contains("\u{1B}"))
        let warning = LogLine(level: .warning, message: "m")
        #expect(text(warning, .terminal(inColours: true)).hasSuffix("  \u{1B}[33mwarning\u{1B}[0m   m\n"))
        #expect(text(warning, .terminal(inColours: false)).hasSuffix("  warning   m\n"))
    }

    static let hostile = [
        "a\n<3>file stored pi=pi-02", "a\r\n", "\u{1B}[2J", "\u{9B}2J", "\u{85}", "a\u{2028}b", "a\u{2029}b",
        "\u{202E}gpj.exe",
        "\u{2066}x\u{2069}", "\u{200B}", "\u{E0041}", "\u{FEFF}", "\0", "\u{7F}", "\"", "\\", "\\\"", "a\" level=\"x",
        "pi=pi-02", "", " ", "a b", "é", "🐢",
        // A name that is no UTF-8, as Swift reads it.
        String(decoding: [0x61, 0xFF, 0xC0, 0x0A] as [UInt8], as: UTF8.self),
    ]

    @Test("cannot be ended, turned around or forged by what it tells of", arguments: hostile)
    func isNotForged(value: String) throws {
        let line = LogLine(
            level: .info, message: "m \(value)", metadata: ["path": "\(value)", "\(value)": "x", "z": "end"])
        for style in [LogStyle.terminal(inColours: false), .text, .journal, .json] {
            let text = text(line, style)
            #expect(text.hasSuffix("\n"))
            for scalar in text.dropLast().unicodeScalars {
                #expect(
                    ![.control, .format, .lineSeparator, .paragraphSeparator].contains(
                        scalar.properties.generalCategory))
            }
            #expect(!text.contains("path=pi=pi-02"))
        }
        let object = try JSONSerialization.jsonObject(with: Data(line.bytes(.json))) as? [String: Any]
        #expect(object?["message"] as? String == "m \(value)")
        #expect(object?["path"] as? String == value)
        #expect(object?["z"] as? String == "end")
    }

    @Test("goes to the journal where standard error is its stream, not where only the variable says so")
    func knowsJournal() throws {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        defer { for end in ends { close(end) } }
        var status = stat()
        fstat(ends[1], &status)
        #expect(LogStyle.isJournal(ends[1], stream: "\(status.st_dev):\(status.st_ino)"))
        #expect(!LogStyle.isJournal(ends[1], stream: "\(status.st_dev):\(status.st_ino + 1)"))
        #expect(!LogStyle.isJournal(ends[1], stream: nil))
        #expect(!LogStyle.isJournal(-1, stream: "0:0"))
    }
}
