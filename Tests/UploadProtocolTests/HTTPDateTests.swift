import Testing
import UploadProtocol

@Suite("An HTTP date")
struct HTTPDateTests {
    @Test(
        "reads as it is written",
        arguments: [
            (Int64(0), "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (1_785_492_900, "Fri, 31 Jul 2026 10:15:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ])
    func bothWays(seconds: Int64, text: String) {
        #expect(HTTPDate.format(seconds) == text)
        #expect(HTTPDate.parse(text) == seconds)
    }

    @Test("says any time that a file can have, though the last years are none that it reads")
    func farAway() {
        let last: Int64 = 67_768_036_191_676_799
        #expect(HTTPDate.format(last).hasSuffix(", 31 Dec 2147485547 23:59:59 GMT"))
        #expect(HTTPDate.formatInternet(last) == "2147485547-12-31T23:59:59Z")
        for seconds in [last, last + 1, .max, .min, -1] {
            #expect(HTTPDate.parse(HTTPDate.format(seconds)) == nil)
        }
    }

    @Test(
        "is refused in any other form",
        arguments: [
            "", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT", "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
            "Wed, 30 Feb 2000 00:00:00 GMT", " Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, +6 Nov 1994 08:49:37 GMT", "Wed, 31 Dec 1969 23:59:59 GMT", "Sun, 06 Nov 99999 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT", "Sun, 06 Nov 1994  08:49:37 GMT",
        ])
    func refuses(text: String) {
        #expect(HTTPDate.parse(text) == nil)
    }
}
