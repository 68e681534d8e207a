import HTTPTypes
import RawStructuredFieldValues
import UploadProtocol

/// The fields of resumable uploads: items of structured fields. What is not of its field's type counts as missing
/// (draft-ietf-httpbis-resumable-upload-11, section 4.1).
struct UploadFields {
    let isComplete: Bool?
    /// Bytes.
    let offset: Int64?
    /// Bytes.
    let length: Int64?

    init(_ fields: HTTPFields) {
        isComplete = Self.item(fields[.uploadComplete]).flatMap { if case .bool(let bool) = $0 { bool } else { nil } }
        offset = Self.number(fields[.uploadOffset])
        length = Self.number(fields[.uploadLength])
    }

    private static func number(_ value: String?) -> Int64? {
        guard case .integer(let number)? = item(value), number >= 0 else { return nil }
        return number
    }

    /// Several fields of one name make a list, which is no item.
    private static func item(_ value: String?) -> RFC9651BareItem? {
        guard let value else { return nil }
        var parser = StructuredFieldValueParser(Array(value.utf8))
        return try? parser.parseItemFieldValue().rfc9651BareItem
    }
}

extension HTTPField.Name {
    static let uploadComplete = Self(ResumableUpload.completeField)!
    static let uploadOffset = Self(ResumableUpload.offsetField)!
    static let uploadLength = Self(ResumableUpload.lengthField)!
    static let uploadLimit = Self(ResumableUpload.limitField)!
    static let reprDigest = Self(ResumableUpload.digestField)!
}
