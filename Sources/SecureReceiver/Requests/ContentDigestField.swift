import FoundationEssentials
import MessageSignatures
import OpenSSL
import RawStructuredFieldValues

/// `Content-Digest` as any client may write it: a dictionary of algorithms (RFC 9530, section 2).
enum ContentDigestField {
    /// The SHA-256 among its members; `nil` if there is none, or if the field is malformed.
    static func sha256(_ value: String) -> SHA256Digest? {
        var parser = StructuredFieldValueParser(Array(value.utf8))
        guard let members = try? parser.parseDictionaryFieldValue(),
            case .item(let item)? = members[ContentDigest.sha256Key],
            case .undecodedByteSequence(let base64) = item.rfc9651BareItem, let bytes = Data(base64Encoded: base64)
        else { return nil }
        return SHA256Digest(bytes)
    }
}
