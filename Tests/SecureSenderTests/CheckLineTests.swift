import Testing

@testable import SecureSender

@Suite("A line of a check")
struct CheckLineTests {
    @Test("stands in columns, with the hint below")
    func columns() {
        let finding = CheckFinding(.clock, .warning, "late", hint: "wind it up")
        #expect(
            TextCheckReport.lines(finding, inColours: false) == ["warning  clock          late", "  hint: wind it up"])
        #expect(TextCheckReport.lines(CheckFinding(.room, .failed, ""), inColours: false) == ["failed   room"])
    }

    @Test("has colours for what is not well, and shows escaped what others could have put into it")
    func colours() {
        let finding = CheckFinding(.address, .ok, "a\u{1B}[31mb")
        #expect(TextCheckReport.lines(finding, inColours: true) == ["ok       address        a\\u{1b}[31mb"])
        let failed = TextCheckReport.lines(CheckFinding(.room, .failed, ""), inColours: true)
        #expect(failed == ["\u{1B}[31mfailed   \u{1B}[0mroom"])
    }
}

/// Ports that answer in no way of their own.
