import OpenSSL

/// Roots in `ca.pem` beside the lab's own: whoever holds the key of one can make Pis that the receiver lets in, and each new
/// bundle brings it to a Pi.
struct ForeignRoots {
    let findings: [Finding]

    /// `text`: of `ca.pem`, which holds `roots`.
    init(_ deployment: Deployment, roots: [Certificate], text: [UInt8]) {
        // One alone is judged by what it has signed: see `AuthorityCopy`.
        guard roots.count > 1 else {
            findings = []
            return
        }
        let evidence = AuthorityEvidence(deployment)
        let path = deployment.authorityCertificate
        let places = Self.places(in: text)
        var lines: [ClosedRange<Int>] = []
        for (index, root) in roots.enumerated() where !evidence.speaks(for: root) && places.count == roots.count {
            lines.append(places[index])
        }
        // What is left must be an authority.
        guard !lines.isEmpty, lines.count < roots.count else {
            findings = []
            return
        }
        let commands = lines.map { "\($0.lowerBound),\($0.upperBound)d" }.joined(separator: ";")
        findings = [
            .warning(
                path,
                """
                it trusts \(lines.count == 1 ? "a root that has" : "\(lines.count) roots that have") signed nothing here, and \
                whose key is not here: who holds that key can make Pis
                """,
                mend: "sed -i '\(commands)' \(quoted(path)) # unless it is one of yours that is still to be used")
        ]
    }

    /// The lines of each certificate, from 1.
    private static func places(in text: [UInt8]) -> [ClosedRange<Int>] {
        var places: [ClosedRange<Int>] = []
        var begin: Int?
        for (index, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if line.starts(with: "-----BEGIN ".utf8) { begin = index + 1 }
            guard let first = begin, line.starts(with: "-----END ".utf8) else { continue }
            places.append(first...(index + 1))
            begin = nil
        }
        return places
    }
}
