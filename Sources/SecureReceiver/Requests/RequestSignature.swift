import FoundationEssentials
import HTTPTypes
import MessageSignatures
import RawStructuredFieldValues
import UploadProtocol

/// The one signature of a request that claims to be an upload's; not verified yet.
struct RequestSignature: Hashable, Sendable {
    let parameters: SignatureParameters
    let bytes: [UInt8]
    let keyID: String
    /// Seconds since 1970.
    let created: Int64
    /// Seconds since 1970.
    let expires: Int64?

    /// Finds it among the signatures of the request by its tag, whatever its label.
    init(_ fields: HTTPFields) throws(Refusal) {
        let inputs = try Self.dictionary(fields, .signatureInput)
        let signatures = try Self.dictionary(fields, .signature)
        var ours: [(label: String, parameters: SignatureParameters)] = []
        for (label, member) in inputs {
            guard case .innerList(let list) = member, Self.string(list.rfc9651Parameters["tag"]) == UploadSignature.tag
            else { continue }
            ours.append((label, try Self.parameters(list)))
        }
        guard ours.count == 1, let (label, parameters) = ours.first else {
            throw Refusal(
                .authenticationFailed,
                "The request has \(ours.count) signatures with the tag \(UploadSignature.tag); exactly one is needed.")
        }
        guard case .item(let item)? = signatures[label], case .undecodedByteSequence(let base64) = item.rfc9651BareItem,
            let bytes = Data(base64Encoded: base64),
            // Left-over bits in the last digit would let one signature be written in several ways (RFC 4648, section 3.5).
            bytes.base64EncodedString() == base64
        else { throw Refusal(.malformedRequest, "Signature has no byte sequence under the label of Signature-Input.") }
        guard let keyID = parameters.keyID, let created = parameters.created else {
            throw Refusal(.authenticationFailed, "The signature lacks the parameter keyid or created.")
        }
        guard parameters["alg"] == nil || parameters.algorithm == UploadSignature.algorithm else {
            throw Refusal(.authenticationFailed, "The signature's algorithm is not \(UploadSignature.algorithm).")
        }
        self.parameters = parameters
        self.bytes = Array(bytes)
        self.keyID = keyID
        self.created = created
        switch parameters["expires"] {
        case nil: expires = nil
        case .integer(let seconds): expires = seconds
        default: throw Refusal(.malformedRequest, "The signature's parameter expires is not a number.")
        }
    }

    private static func dictionary(
        _ fields: HTTPFields, _ name: HTTPField.Name
    ) throws(Refusal) -> OrderedMap<String, ItemOrInnerList> {
        guard let value = fields[name] else {
            throw Refusal(.authenticationFailed, "The request is not signed: it has no \(name) field.")
        }
        var parser = StructuredFieldValueParser(Array(value.utf8))
        do { return try parser.parseDictionaryFieldValue() } catch {
            throw Refusal(.malformedRequest, "\(name) is not a dictionary of structured fields.")
        }
    }

    private static func parameters(_ list: InnerList) throws(Refusal) -> SignatureParameters {
        var components: [CoveredComponent] = []
        for item in list.bareInnerList {
            guard case .string(let name) = item.rfc9651BareItem else {
                throw Refusal(.malformedRequest, "A covered component is not a string.")
            }
            guard !name.isEmpty, name.utf8.allSatisfy(isComponentByte) else {
                throw Refusal(.malformedRequest, "A covered component has a name that no field can have.")
            }
            guard item.rfc9651Parameters.isEmpty else {
                throw Refusal(.authenticationFailed, "Parameters of covered components are not taken.")
            }
            components.append(CoveredComponent(name))
        }
        var parameters: [SignatureParameters.Parameter] = []
        for (key, item) in list.rfc9651Parameters {
            let value: SignatureParameters.Value
            switch item {
            case .string(let string): value = .string(string)
            case .integer(let integer): value = .integer(integer)
            case .bool(let bool): value = .boolean(bool)
            case .token(let token): value = .token(token)
            default: throw Refusal(.malformedRequest, "The signature's parameter \(key) is of a type that none has.")
            }
            parameters.append(.init(key, value))
        }
        return SignatureParameters(components: components, parameters: parameters)
    }

    private static func string(_ item: RFC9651BareItem?) -> String? {
        if case .string(let string)? = item { string } else { nil }
    }
}

/// Of a field's name (RFC 9110, section 5.6.2) or of a derived component's.
private func isComponentByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"):
        true
    default: "@!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}
