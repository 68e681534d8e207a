import OpenSSL

/// The paths of the protocol's resources.
package enum MessagePath {
    package static let files = "/v1/files/"

    package static func file(_ path: UploadPath) -> String { files + path.percentEncoded }

    package static let uploads = "/v1/uploads/"

    /// Where a Pi asks how things stand at the receiver.
    package static let status = "/v1/status"

    package static func upload(_ id: UploadID) -> String { uploads + id.hex }

    static func percentEncoded(_ segment: String) -> String {
        var encoded = ""
        for byte in segment.utf8 {
            if isUnreserved(byte) {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                encoded += "%\(encodeHex([byte]).uppercased())"
            }
        }
        return encoded
    }
}

/// RFC 3986, section 2.3.
private func isUnreserved(_ byte: UInt8) -> Bool {
    isLowerAlphanumeric(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || "-._~".utf8.contains(byte)
}

/// `nil` where a `%` is not followed by two hexadecimal digits.
func percentDecoded(_ text: [UInt8]) -> [UInt8]? {
    var bytes: [UInt8] = []
    var index = 0
    while index < text.count {
        guard text[index] == UInt8(ascii: "%") else {
            bytes.append(text[index])
            index += 1
            continue
        }
        guard index + 2 < text.count,
            let byte = decodeHex(String(decoding: text[(index + 1)...(index + 2)], as: UTF8.self).lowercased())
        else { return nil }
        bytes += byte
        index += 3
    }
    return bytes
}
