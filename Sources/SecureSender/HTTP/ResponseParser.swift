/// Takes an HTTP/1.1 connection's bytes as they come and gives whole answers (RFC 9112).
///
/// Strict: what leaves a doubt where an answer ends would let the next one be taken for another file's, so it ends the
/// connection instead. Our receiver sends none of it.
struct ResponseParser {
    static let mostHeadBytes = 16 << 10
    static let mostBodyBytes = 64 << 10
    static let mostInterimAnswers = 16

    private var buffer: [UInt8] = []
    private var state = State.head
    private var interimAnswers = 0

    private enum State {
        case head
        case body(Head, length: Int)
        case failed(ResponseDoubt)
    }

    /// Whether an answer has begun and not ended.
    var isInsideAnswer: Bool { !buffer.isEmpty }

    mutating func append(_ bytes: some Collection<UInt8>) {
        buffer += bytes
    }

    /// The next whole answer; `nil` until more bytes come. After a doubt every call throws it again.
    mutating func next() throws(ResponseDoubt) -> Response? {
        do throws(ResponseDoubt) {
            while true {
                switch state {
                case .failed(let doubt):
                    throw doubt
                case .head:
                    guard let head = try takeHead() else { return nil }
                    if let length = try bodyLength(of: head) { state = .body(head, length: length) }
                case .body(let head, let length):
                    guard buffer.count >= length else { return nil }
                    let body = Array(buffer[..<length])
                    buffer.removeFirst(length)
                    state = .head
                    interimAnswers = 0
                    return Response(status: head.status, fields: head.fields, body: body)
                }
            }
        } catch {
            state = .failed(error)
            throw error
        }
    }

    private mutating func takeHead() throws(ResponseDoubt) -> Head? {
        let end = buffer.indices.first { index in
            buffer[index] == lineFeed && index >= 3 && buffer[index - 1] == carriageReturn
                && buffer[index - 2] == lineFeed && buffer[index - 3] == carriageReturn
        }
        guard let end else {
            guard buffer.count <= Self.mostHeadBytes else { throw .headTooLong }
            // Told now: bytes that can begin no answer must not wait for an end that never comes.
            try checkStart()
            return nil
        }
        guard end < Self.mostHeadBytes else { throw .headTooLong }
        let head = try Head(parsing: buffer[..<(end - 1)])
        buffer.removeFirst(end + 1)
        return head
    }

    private func checkStart() throws(ResponseDoubt) {
        let start = Head.version.prefix(buffer.count)
        guard buffer.starts(with: start) else { throw .statusLine }
    }

    /// `nil` for an interim answer, which has no body and is passed over (RFC 9110, section 15.2).
    private mutating func bodyLength(of head: Head) throws(ResponseDoubt) -> Int? {
        guard !head.fields.contains("transfer-encoding") else { throw .transferEncoding }
        switch head.status {
        case 101:
            throw .statusLine
        case 100..<200:
            interimAnswers += 1
            guard interimAnswers <= Self.mostInterimAnswers else { throw .tooManyInterimAnswers }
            guard !head.fields.contains("content-length") else { throw .contentLength }
            return nil
        case 204, 304:
            guard !head.fields.contains("content-length") else { throw .contentLength }
            return 0
        default:
            guard let value = head.fields["content-length"], (1...9).contains(value.utf8.count),
                value.utf8.allSatisfy(isDigit), let length = Int(value)
            else { throw .contentLength }
            guard length <= Self.mostBodyBytes else { throw .bodyTooLong }
            return length
        }
    }
}

/// Why a connection's bytes cannot be trusted to be the answers to our requests.
enum ResponseDoubt: Error, Hashable, Sendable, CustomStringConvertible {
    case statusLine
    case fieldLine
    case contentLength
    case transferEncoding
    case headTooLong
    case bodyTooLong
    case tooManyInterimAnswers

    var description: String {
        switch self {
        case .statusLine: "the answer does not begin like one of HTTP/1.1"
        case .fieldLine: "the answer has a broken header line"
        case .contentLength: "the answer's Content-Length is missing, repeated or no number"
        case .transferEncoding: "the answer has a Transfer-Encoding"
        case .headTooLong: "the answer's header is longer than \(ResponseParser.mostHeadBytes) bytes"
        case .bodyTooLong: "the answer is longer than \(ResponseParser.mostBodyBytes) bytes"
        case .tooManyInterimAnswers: "the receiver sends interim answers without end"
        }
    }
}

private struct Head {
    static let version = Array("HTTP/1.1 ".utf8)

    let status: Int
    var fields = Response.Fields()

    /// `bytes`: from the status line to the last field's CRLF.
    init(parsing bytes: ArraySlice<UInt8>) throws(ResponseDoubt) {
        var lines = try Self.lines(of: bytes)[...]
        guard let first = lines.popFirst() else { throw .statusLine }
        status = try Self.status(first)
        for line in lines {
            try addField(line)
        }
    }

    /// Each line without its CRLF; a CR or LF that stands alone is a doubt.
    private static func lines(of bytes: ArraySlice<UInt8>) throws(ResponseDoubt) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var rest = bytes
        while let end = rest.firstIndex(of: lineFeed) {
            guard end > rest.startIndex, rest[end - 1] == carriageReturn else { throw .fieldLine }
            let line = rest[rest.startIndex..<(end - 1)]
            guard line.allSatisfy({ isText($0) }) else { throw .fieldLine }
            lines.append(line)
            rest = rest[(end + 1)...]
        }
        return lines
    }

    /// `HTTP/1.1 200 OK`; the words are for people and may be missing, the blank before them may not.
    private static func status(_ line: ArraySlice<UInt8>) throws(ResponseDoubt) -> Int {
        guard line.starts(with: version) else { throw .statusLine }
        let rest = line.dropFirst(version.count)
        let digits = rest.prefix(3)
        guard digits.count == 3, digits.allSatisfy(isDigit), rest.dropFirst(3).first == UInt8(ascii: " "),
            let status = Int(String(decoding: digits, as: UTF8.self)), (100...599).contains(status)
        else { throw .statusLine }
        return status
    }

    private mutating func addField(_ line: ArraySlice<UInt8>) throws(ResponseDoubt) {
        // No blank before the colon and none at the start, which would continue the line before (RFC 9112, section 5).
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
            line[..<colon].allSatisfy(isTokenCharacter)
        else { throw .fieldLine }
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let value = line[(colon + 1)...].drop(while: isBlank).reversed().drop(while: isBlank).reversed()
        fields.append(
            String(decoding: line[..<colon], as: UTF8.self).lowercased(), String(decoding: Array(value), as: UTF8.self))
    }
}

private let carriageReturn = UInt8(ascii: "\r")
private let lineFeed = UInt8(ascii: "\n")

private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

/// Visible ASCII, blank and tab.
private func isText(_ byte: UInt8) -> Bool { (0x20...0x7e).contains(byte) || byte == UInt8(ascii: "\t") }

/// RFC 9110, section 5.6.2.
private func isTokenCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    default: isDigit(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}
