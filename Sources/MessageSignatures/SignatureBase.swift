/// The text that is signed (RFC 9421, section 2.5).
package struct SignatureBase: Hashable, Sendable {
    package let text: String

    package var bytes: [UInt8] { Array(text.utf8) }
    /// The last one is `@signature-params`.
    package var lines: [Substring] {
        // By bytes: several times as fast as by characters.
        text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { Substring($0) }
    }

    /// `value`: what the message says for a component; `nil` where it lacks it.
    package init(
        _ parameters: SignatureParameters, value: (CoveredComponent) -> String?
    ) throws(SignatureBaseError) {
        var text = ""
        var seen: Set<CoveredComponent> = []
        for component in parameters.components {
            guard seen.insert(component).inserted else { throw .coveredTwice(component) }
            guard let value = value(component) else { throw .missing(component) }
            guard !value.utf8.contains(UInt8(ascii: "\n")) else { throw .holdsNewline(component) }
            text += "\(component.identifier): \(value)\n"
        }
        self.text = text + "\"@signature-params\": \(parameters.serialized)"
    }
}

package enum SignatureBaseError: Error, Hashable, Sendable {
    case coveredTwice(CoveredComponent)
    case missing(CoveredComponent)
    case holdsNewline(CoveredComponent)
}
