import Testing
import UploadProtocol

@Suite("A path of an upload")
struct UploadPathTests {
    @Test("keeps its segments, decoded once")
    func decodesOnce() throws {
        let path = try UploadPath(percentEncoded: "2026/m%C3%A4rz/100%2525.json")
        #expect(path.segments == ["2026", "märz", "100%25.json"])
        #expect(path.percentEncoded == "2026/m%C3%A4rz/100%2525.json")
    }

    @Test(
        "is refused where a file system or a person could misread it",
        arguments: [
            ("", UploadPathError.emptyOrDots), ("a//b", .emptyOrDots), ("a/", .emptyOrDots), ("/a", .emptyOrDots),
            ("..", .emptyOrDots), ("a/../b", .emptyOrDots), ("%2e%2e", .emptyOrDots), ("a/%2E", .emptyOrDots),
            ("a%2Fb", .character), ("a%00b", .character), ("a%0Ab", .character), ("a%7Fb", .character),
            ("a%E2%80%AEb", .character), ("a%C2%85b", .character), ("a%E2%80%A8b", .character),
            ("a%", .encoding), ("a%4", .encoding), ("a%zz", .encoding), ("a%FFb", .notUTF8), ("a%C0%AFb", .notUTF8),
            (".hidden", .reserved(".hidden")), ("a/.b/c", .reserved(".b")),
            (".%CC%81a", .reserved(".\u{301}a")), ("x.sha256", .reserved("x.sha256")),
        ])
    func refuses(text: String, error: UploadPathError) {
        #expect(throws: error) { try UploadPath(percentEncoded: text) }
    }

    @Test("has at most 16 segments of at most 240 bytes")
    func limits() throws {
        let longest = String(repeating: "a", count: 240)
        #expect(try UploadPath(percentEncoded: longest).segments == [longest])
        #expect(throws: UploadPathError.tooLong(241)) { try UploadPath(percentEncoded: longest + "a") }
        #expect(try UploadPath(segments: Array(repeating: "a", count: 16)).segments.count == 16)
        #expect(throws: UploadPathError.segmentCount(17)) { try UploadPath(segments: Array(repeating: "a", count: 17)) }
    }
}
