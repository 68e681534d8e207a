/// The covered components and the parameters of one signature: a member of `Signature-Input` (RFC 9421, section 2.3).
package struct SignatureParameters: Hashable, Sendable {
    package var components: [CoveredComponent]
    /// In the order of the message: the order is part of what is signed.
    package var parameters: [Parameter]

    package struct Parameter: Hashable, Sendable {
        package let key: String
        package let value: Value

        package init(_ key: String, _ value: Value) {
            self.key = key
            self.value = value
        }
    }

    /// A bare item (RFC 9651, section 3.3), as far as signatures have them.
    package enum Value: Hashable, Sendable {
        case string(String)
        case integer(Int64)
        case boolean(Bool)
        case token(String)
    }

    package init(components: [CoveredComponent], parameters: [Parameter]) {
        self.components = components
        self.parameters = parameters
    }
}

extension SignatureParameters {
    /// Seconds since 1970.
    package var created: Int64? {
        if case .integer(let seconds) = self["created"] { seconds } else { nil }
    }

    package var keyID: String? { string("keyid") }
    package var algorithm: String? { string("alg") }
    package var tag: String? { string("tag") }

    package subscript(key: String) -> Value? { parameters.last { $0.key == key }?.value }

    private func string(_ key: String) -> String? {
        if case .string(let text) = self[key] { text } else { nil }
    }

    /// The inner list with its parameters (RFC 9651, section 4.1.1.1): the value of `@signature-params`.
    package var serialized: String {
        var text = "("
        text += components.map(\.identifier).joined(separator: " ")
        text += ")"
        for parameter in parameters {
            text += ";\(parameter.key)"
            switch parameter.value {
            case .string(let string): text += "=\"\(escaped(string))\""
            case .integer(let integer): text += "=\(integer)"
            case .boolean(true): break
            case .boolean(false): text += "=?0"
            case .token(let token): text += "=\(token)"
            }
        }
        return text
    }

    private func escaped(_ string: String) -> String {
        guard string.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else {
            return string
        }
        return string.unicodeScalars.reduce(into: "") { result, scalar in
            if scalar == "\"" || scalar == "\\" { result += "\\" }
            result.unicodeScalars.append(scalar)
        }
    }
}
