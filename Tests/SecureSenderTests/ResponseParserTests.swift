import Testing

@testable import SecureSender

private let created =
    "HTTP/1.1 201 Created\r\nContent-Length: 4\r\nX-Empty:\r\nDate:  Sun, 06 Nov 1994 08:49:37 GMT \t\r\n\r\nbody"

/// All whole answers in `text`, given to the parser in pieces of `size` bytes.
private func parse(_ text: String, size: Int = .max) throws(ResponseDoubt) -> [Response] {
    var parser = ResponseParser()
    var responses: [Response] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        parser.append(rest.prefix(size))
        rest = rest.dropFirst(size)
        while let response = try parser.next() { responses.append(response) }
    }
    return responses
}

@Suite("The parser of answers")
struct ResponseParserTests {
    @Test("reads answers that follow each other, wherever the bytes are split")
    func splits() throws {
        let text =
            "HTTP/1.1 100 Continue\r\n\r\n" + created + "HTTP/1.1 204 \r\n\r\n"
            + "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + created
            + "HTTP/1.1 507 Full\r\ncontent-length: 0\r\nConnection: keep-alive, Close\r\n\r\n"
        let whole = try parse(text)
        #expect(whole.map(\.status) == [201, 204, 201, 507])
        #expect(whole[0].body == Array("body".utf8))
        #expect(whole[0].fields["date"] == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(whole[0].fields["x-empty"] == "")
        #expect(whole[0].fields["absent"] == nil)
        #expect(whole.map(\.closesConnection) == [false, false, false, true])
        for size in 1...64 {
            #expect(try parse(text, size: size) == whole)
        }
        let bytes = Array(text.utf8)
        for index in bytes.indices {
            var parser = ResponseParser()
            parser.append(bytes[..<index])
            var responses: [Response] = []
            while let response = try parser.next() { responses.append(response) }
            parser.append(bytes[index...])
            while let response = try parser.next() { responses.append(response) }
            #expect(responses == whole)
        }
    }

    @Test(
        "refuses what leaves a doubt",
        arguments: [
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", ResponseDoubt.statusLine),
            ("HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n", .statusLine), ("http/1.1 200 OK\r\n\r\n", .statusLine),
            (" HTTP/1.1 200 OK\r\n\r\n", .statusLine), ("\r\nHTTP/1.1 200 OK\r\n\r\n", .statusLine),
            ("HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", .statusLine),
            ("HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", .statusLine),
            ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", .statusLine),
            ("HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n", .statusLine),
            ("HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n", .statusLine),
            ("HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", .statusLine),
            ("HTTP/1.1 101 Switching\r\n\r\n", .statusLine),
            ("HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n", .statusLine),
            ("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", .fieldLine),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\nX: y\r\n\r\n", .fieldLine),
            ("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", .fieldLine), ("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", .fieldLine),
            ("HTTP/1.1 200 O\u{7f}K\r\nContent-Length: 0\r\n\r\n", .fieldLine),
            ("HTTP/1.1 200 OK\r\nX: \u{e9}\r\n\r\n", .fieldLine),
            ("HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n", .fieldLine),
            ("HTTP/1.1 200 OK\r\nX : a\r\n\r\n", .fieldLine),
            ("HTTP/1.1 200 OK\r\n: a\r\n\r\n", .fieldLine), ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", .fieldLine),
            ("HTTP/1.1 200 OK\r\nX(y): a\r\n\r\n", .fieldLine),
            ("HTTP/1.1 200 OK\r\n\r\n", .contentLength), ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", .contentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .contentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", .contentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1,1\r\n\r\n", .contentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\n", .contentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", .contentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", .contentLength),
            ("HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\n", .contentLength),
            ("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n", .contentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n", .bodyTooLong),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", .transferEncoding),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n", .transferEncoding),
        ])
    func refuses(text: String, doubt: ResponseDoubt) throws {
        #expect(throws: doubt) { try parse(text) }
        #expect(throws: doubt) { try parse(text, size: 1) }
        // What came whole before it counts; what comes behind it never does.
        var parser = ResponseParser()
        parser.append(Array((created + text + created).utf8))
        let first = try parser.next()
        #expect(first?.status == 201)
        for _ in 0..<2 {
            #expect(throws: doubt) { () throws in
                _ = try parser.next()
            }
        }
    }

    @Test("refuses heads without end, and interim answers without end")
    func limits() throws {
        let line = "X: \(String(repeating: "a", count: 1000))\r\n"
        let long = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + String(repeating: line, count: 17)
        #expect(throws: ResponseDoubt.headTooLong) { try parse(long) }
        #expect(throws: ResponseDoubt.headTooLong) { try parse(long + "\r\n") }
        let interim = "HTTP/1.1 100 Continue\r\n\r\n"
        #expect(try parse(String(repeating: interim, count: 16) + created).count == 1)
        #expect(throws: ResponseDoubt.tooManyInterimAnswers) { try parse(String(repeating: interim, count: 17)) }
    }

    @Test("takes a body of 64 KiB and keeps nothing of it")
    func longestBody() throws {
        let body = String(repeating: "b", count: 65536)
        let responses = try parse("HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n\(body)\(created)", size: 1000)
        #expect(responses.map(\.body.count) == [65536, 4])
    }

    @Test("gives no value for a field that stands there twice")
    func repeatedField() throws {
        let response = try #require(
            try parse("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSignature: a\r\nsignature: b\r\n\r\n").first)
        #expect(response.fields["signature"] == nil)
        #expect(response.fields.contains("signature"))
    }
}
