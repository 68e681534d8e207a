import Foundation
import TestSupport
import Testing

@Suite("HTTP that two readers might read differently")
struct StrictHTTPTests {
    @Test(
        "is answered 400 and the connection ends, so that nothing behind it is taken for a request",
        arguments: [
            "GET / HTTP/1.1\nHost: x\n\n",
            "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA\u{0}: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\u{0}c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\u{1}c\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: \r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x y\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: x\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.2\r\nHost: x\r\n\r\n",
            "GET /\r\nHost: x\r\n\r\n",
            "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
            "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /?a HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /#a HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /\u{e9} HTTP/1.1\r\nHost: x\r\n\r\n",
            "\r\n\r\n\u{1}\r\n\r\n",
            "PUT /v1/files/a HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
            "PUT /v1/files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na",
            "PUT /v1/files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
            "PUT /v1/files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
            "PUT /v1/files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na",
            "PUT /v1/files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\na",
            "PUT /v1/files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "PUT /v1/files/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "PUT /v1/files/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "PUT /v1/files/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ])
    func isRefused(bytes: String) async throws {
        try await RunningReceiver.run { receiver in
            let (answer, isClosed) = try await receiver.connected { client in
                // The request behind it must not be answered.
                try client.send(Array(bytes.utf8) + Array("GET / HTTP/1.1\r\nHost: smuggled\r\n\r\n".utf8))
                return (try client.response(), try client.rest())
            }
            #expect(answer.status == 400, "\(answer.text)")
            #expect(answer.code == "malformed-request")
            #expect(answer.fields["connection"] == "close")
            #expect(isClosed.isEmpty, "after the answer came \(isClosed)")
        }
    }

    @Test("in a header of unreasonable size is answered 431 and the connection ends")
    func limitsHeader() async throws {
        try await RunningReceiver.run { receiver in
            let answer = try await receiver.connected { client in
                let long = String(repeating: "a", count: 20_000)
                try client.send(Array("GET / HTTP/1.1\r\nHost: x\r\nA: \(long)\r\n\r\n".utf8))
                return try client.response()
            }
            #expect(answer.status == 431)
            #expect(answer.code == "header-too-large")
        }
    }
}
