import UploadProtocol

/// From when to when a certificate counts, in seconds since 1970.
package struct Validity: Hashable, Sendable {
    package let notBefore: Int64
    package let notAfter: Int64

    private static let secondsOfDay: Int64 = 86_400

    /// `now`: seconds since 1970. `days`: the whole span, the two days before now included, so that a certificate of
    /// 90 days is one for whoever measures it; at least 3.
    package init(now: Int64, days: Int) {
        notBefore = now - LeafProfile.headStart
        notAfter = notBefore + Int64(days) * Self.secondsOfDay
    }

    package init(notBefore: Int64, notAfter: Int64) {
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// When a certificate that starts at `notBefore` was made.
    package static func made(notBefore: Int64) -> Int64 { notBefore + LeafProfile.headStart }
}
