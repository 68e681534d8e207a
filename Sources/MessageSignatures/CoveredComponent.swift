/// One component of a message that a signature covers (RFC 9421, section 2): a field by its lower-case name, or a derived
/// component such as `@method`.
package struct CoveredComponent: Hashable, Sendable {
    package let name: String
    /// `;req`: taken from the request that this response answers (RFC 9421, section 2.4).
    package let isFromRequest: Bool

    package init(_ name: String, isFromRequest: Bool = false) {
        self.name = name
        self.isFromRequest = isFromRequest
    }

    /// The component identifier as it stands in `Signature-Input` and at the start of its line of the signature base.
    package var identifier: String {
        isFromRequest ? "\"\(name)\";req" : "\"\(name)\""
    }
}

extension CoveredComponent {
    package static let method = Self("@method")
    package static let authority = Self("@authority")
    package static let path = Self("@path")
    package static let status = Self("@status")
    package static let contentDigest = Self("content-digest")
    package static let contentType = Self("content-type")

    package var fromRequest: Self { Self(name, isFromRequest: true) }
}
