import Files
import OpenSSL
import UploadProtocol

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
        let trace = Trace(deployment)
        let path = deployment.authorityCertificate
        let places = Self.places(in: text)
        var lines: [ClosedRange<Int>] = []
        for (index, root) in roots.enumerated() where !trace.isLeft(by: root) && places.count == roots.count {
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

/// What an authority leaves in the deployment that it works for.
private struct Trace {
    private let keys: [PrivateKey]
    private let next: Certificate?
    private let signed: [Certificate]

    init(_ deployment: Deployment) {
        func certificate(_ path: String) -> Certificate? {
            (try? readFile(path, limit: 1 << 20)).flatMap { try? Certificate.all(inPEM: $0).first }
        }
        keys = [deployment.authorityKey, deployment.nextAuthorityKey].compactMap { path in
            try? PrivateKey(pem: SecureBytes(copyOf: readFile(path, limit: 1 << 16)))
        }
        next = certificate(deployment.nextAuthorityCertificate)
        let pis = ((try? namesInFolder(deployment.identities)) ?? []).filter { PiName($0) != nil }
        let paths = [deployment.receiver] + pis.map { "\(deployment.identities)/\($0)/\(PiIdentity.certificateFile)" }
        signed = paths.compactMap(certificate)
    }

    func isLeft(by root: Certificate) -> Bool {
        keys.contains { root.isPaired(with: $0) } || next?.fingerprint == root.fingerprint
            || signed.contains { $0.isSigned(by: root) }
    }
}
