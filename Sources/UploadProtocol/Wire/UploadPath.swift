/// Where a Pi's file goes, relative to the Pi's folder: 1 to 16 segments that no file system and no shell can misread.
package struct UploadPath: Hashable, Sendable, CustomStringConvertible {
    package static let mostSegments = 16
    /// The name of the sidecar, 7 bytes longer, must fit a file system's 255 too; the rest is for temporary names.
    package static let mostSegmentBytes = 240
    package static let receiptSuffix = ".sha256"

    package let segments: [String]

    package init(segments: [String]) throws(UploadPathError) {
        guard (1...Self.mostSegments).contains(segments.count) else { throw .segmentCount(segments.count) }
        for segment in segments {
            try Self.check(segment)
        }
        self.segments = segments
    }

    /// Parses the percent-encoded segments of a request target (RFC 3986, section 3.3), decoding once.
    package init(percentEncoded text: some StringProtocol) throws(UploadPathError) {
        var segments: [String] = []
        for encoded in text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let bytes = percentDecoded(Array(encoded)) else { throw .encoding }
            guard let segment = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
            segments.append(segment)
        }
        try self.init(segments: segments)
    }

    /// Reads what `description` gave.
    package init(plain text: some StringProtocol) throws(UploadPathError) {
        // By bytes: a combining mark at the start of a segment would hide the slash from a split by characters.
        try self.init(
            segments: text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            })
    }

    /// As it stands in the file system and in a receipt.
    package var description: String { segments.joined(separator: "/") }

    package var name: String { segments[segments.count - 1] }

    /// As it stands in a request target: all but RFC 3986's unreserved characters escaped.
    package var percentEncoded: String {
        segments.map { MessagePath.percentEncoded($0) }.joined(separator: "/")
    }

    /// Throws if a path with that segment cannot be.
    package static func check(_ segment: String) throws(UploadPathError) {
        guard !segment.isEmpty, segment != ".", segment != ".." else { throw .emptyOrDots }
        guard segment.utf8.count <= mostSegmentBytes else { throw .tooLong(segment.utf8.count) }
        guard segment.unicodeScalars.allSatisfy({ !isDisallowed($0) }) else { throw .character }
        // By bytes: a combining mark behind it makes another character of a dot.
        guard segment.utf8.first != UInt8(ascii: "."), !isReceiptName(segment) else { throw .reserved(segment) }
    }

    /// Whether a file of this name is the receipt of another.
    package static func isReceiptName(_ name: String) -> Bool {
        name.utf8.reversed().starts(with: receiptSuffix.utf8.reversed())
    }

    private static func isDisallowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: scalar == "/" || scalar.properties.isBidiControl
        }
    }
}

package enum UploadPathError: Error, Hashable, Sendable, CustomStringConvertible {
    case segmentCount(Int)
    case encoding
    case notUTF8
    case emptyOrDots
    case tooLong(Int)
    case character
    /// Begins with a dot or ends in `.sha256`: the receiver keeps such names for itself.
    case reserved(String)

    package var description: String {
        switch self {
        case .segmentCount(let count): "the path has \(count) segments; 1 to \(UploadPath.mostSegments) are possible"
        case .encoding: "the path's percent-encoding is broken"
        case .notUTF8: "the path is not UTF-8"
        case .emptyOrDots: "the path has an empty segment, '.' or '..'"
        case .tooLong(let count): "a segment has \(count) bytes; \(UploadPath.mostSegmentBytes) are possible"
        case .character: "the path has a slash inside of a segment, a control or a text-direction character"
        case .reserved: "names that begin with '.' or end in '\(UploadPath.receiptSuffix)' are reserved"
        }
    }
}
