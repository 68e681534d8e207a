import HTTPTypes
import NIOHTTP1
import UploadProtocol

/// The head of a request that can be read in one way only. What a peer and we might read differently is refused here,
/// before anything is decided by it (RFC 9112, section 11).
struct RequestHead: Hashable, Sendable {
    let method: String
    /// As RFC 9421, section 2.2.3 has it: lower case, without the default port.
    let authority: String
    /// Percent-encoded, as sent; begins with a slash.
    let path: String
    let fields: HTTPFields
    let body: Body
    /// The client waits for 100 (Continue) before it sends the body.
    let expectsContinue: Bool
    /// The client sends nothing behind this request.
    let closesConnection: Bool

    enum Body: Hashable, Sendable {
        /// Bytes; 0 if the request has no body.
        case length(Int64)
        case chunked

        /// Bytes; more than any that can be told if it is not stated.
        var length: Int64 { if case .length(let length) = self { length } else { .max } }
    }

    init(_ head: HTTPRequestHead) throws(Refusal) {
        guard head.version == .http1_1 else { throw Refusal(.malformedRequest, "Only HTTP/1.1 is spoken here.") }
        // The parser reads nothing behind it.
        guard head.method != .CONNECT else { throw Refusal(.malformedRequest, "This is no proxy.") }
        method = head.method.rawValue
        path = try Self.path(head.uri)
        authority = try Self.authority(head.headers)
        body = try Self.body(head.headers)
        fields = try Self.fields(head.headers)
        switch head.headers[canonicalForm: "expect"].map({ $0.lowercased() }) {
        case []: expectsContinue = false
        case ["100-continue"]: expectsContinue = body != .length(0)
        default: throw Refusal(.expectationFailed, "The only expectation that is met is 100-continue.")
        }
        // The parser reads nothing behind a request that wants another protocol.
        closesConnection = !head.isKeepAlive || head.headers.contains(name: "upgrade")
    }

    private static func path(_ target: String) throws(Refusal) -> String {
        guard target.hasPrefix("/"), target.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw Refusal(.malformedRequest, "The request target is not an absolute path.")
        }
        guard !target.utf8.contains(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) else {
            throw Refusal(.malformedRequest, "The request target has a query or a fragment; none is possible here.")
        }
        return target
    }

    private static func authority(_ headers: HTTPHeaders) throws(Refusal) -> String {
        let hosts = headers["host"]
        let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789-._:[]".utf8)
        guard hosts.count == 1, let host = hosts.first?.lowercased(), !host.isEmpty,
            host.utf8.allSatisfy(allowed.contains)
        else { throw Refusal(.malformedRequest, "The request needs exactly one Host field with a name or an address.") }
        return host.hasSuffix(":443") ? String(host.dropLast(4)) : host
    }

    private static func body(_ headers: HTTPHeaders) throws(Refusal) -> Body {
        let lengths = headers["content-length"]
        let codings = headers["transfer-encoding"]
        switch (lengths.count, codings.count) {
        case (0, 0):
            return .length(0)
        case (1, 0):
            let digits = lengths[0]
            guard (1...19).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let length = Int64(digits)
            else { throw Refusal(.malformedRequest, "Content-Length is not one number.") }
            return .length(length)
        case (0, 1) where codings[0].lowercased() == "chunked":
            return .chunked
        default:
            throw Refusal(.malformedRequest, "The request's length is ambiguous.")
        }
    }

    private static func fields(_ headers: HTTPHeaders) throws(Refusal) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in headers {
            // Blanks around a value are not part of it (RFC 9112, section 5).
            let value = trimmed(value)
            guard let name = HTTPField.Name(name), HTTPField.isValidValue(value) else {
                throw Refusal(.malformedRequest, "A header field has a name or a value that is not possible.")
            }
            fields.append(HTTPField(name: name, value: value))
        }
        return fields
    }
}

private func trimmed(_ value: String) -> String {
    let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    guard let first = value.utf8.first, let last = value.utf8.last, isBlank(first) || isBlank(last) else {
        return value
    }
    let rest = value.utf8.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
    return String(decoding: Array(rest), as: UTF8.self)
}
