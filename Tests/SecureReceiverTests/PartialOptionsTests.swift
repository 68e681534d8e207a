import ArgumentParser
import CommandSupport
import Testing

@testable import SecureReceiver

@Suite("The options for uploads in parts")
struct PartialOptionsTests {
    @Test(
        "take times as people write them",
        arguments: [("7d", 604_800), ("12h", 43_200), ("30m", 1800), ("90s", 90), ("0s", 0)] as [(String, Int64)])
    func times(text: String, seconds: Int64) throws {
        let span = try #require(TimeSpan(argument: text))
        #expect(span.seconds == seconds)
        #expect(TimeSpan(argument: span.description) == span)
    }

    @Test("take nothing else", arguments: ["", "d", "7", "7 d", "-7d", "7w", "1.5h", "+1d", "9999999999d", "٧d"])
    func otherTimes(text: String) {
        #expect(TimeSpan(argument: text) == nil)
    }

    @Test(
        "are refused where they make no sense",
        arguments: [
            ["--keep-partials", "59s"], ["--partials-per-pi", "0"], ["--resumable-above=-1"],
            ["--keep-partials", "soon"],
        ])
    func refused(arguments: [String]) {
        #expect(throws: (any Error).self) { try SecureReceiver.parse(["--cert", "c"] + arguments) }
    }
}
