import CertificateAuthority
import CommandSupport
import FoundationEssentials
import OpenSSL
import UploadProtocol

/// What `provision list` shows.
struct PiList {
    let pis: [PiRecord]
    /// Seconds since 1970.
    let now: Int64

    func lines(inColours: Bool) -> [String] {
        guard !pis.isEmpty else { return ["There is no Pi yet. One is made by: provision new-pi"] }
        let rows = [["name", "made", "certificate until", "ids.txt", ""]] + pis.map(row)
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let emphases = [nil] + pis.map { emphasis(of: $0.state(now: now)) }
        let table = zip(rows, emphases).map { row, emphasis in
            var line = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(
                separator: "  ")
            while line.last == " " { line.removeLast() }
            return CommandOutput.styled(line, emphasis, inColours: inColours)
        }
        return table + [summary]
    }

    private func row(_ pi: PiRecord) -> [String] {
        [
            pi.name.text, pi.certificate?.notBefore.map { date(Validity.made(notBefore: $0)) } ?? "-",
            pi.certificate.map(endDate) ?? "-", pi.secrets > 0 ? "yes" : "no", pi.state(now: now).words ?? "",
        ]
    }

    private func emphasis(of state: PiRecord.State) -> Emphasis? {
        switch state {
        case .ok, .severalSecrets: nil
        case .expiring, .noFolder: .soon
        case .revoked, .expired, .notListed, .noCertificate: .bad
        }
    }

    private var summary: String {
        let total = "\(pis.count) Pi\(pis.count == 1 ? "" : "s")"
        let counted = [
            ("expired", "expired"), ("expiring", "about to expire"), ("revoked", "revoked"),
            ("not-listed", "not in ids.txt"), ("no-folder", "without a folder"),
            ("no-certificate", "without a certificate"), ("several-secrets", "with several secrets"),
        ].compactMap { code, words -> String? in
            let count = pis.count { $0.state(now: now).code == code }
            return count > 0 ? "\(count) \(words)" : nil
        }
        return counted.isEmpty ? total : "\(total): \(counted.joined(separator: ", "))"
    }

    var json: String {
        encode(pis.map { JSONRecord($0, now: now) })
    }

    /// One Pi for programs; times as RFC 3339 writes them, what is not known left out.
    private struct JSONRecord: Encodable {
        let name: String
        let state: String
        let made: String?
        let certificateUntil: String?
        let certificateFingerprint: String?
        let secrets: Int
        let revoked: String?

        init(_ pi: PiRecord, now: Int64) {
            name = pi.name.text
            state = pi.state(now: now).code
            made = pi.certificate?.notBefore.map { HTTPDate.formatInternet(Validity.made(notBefore: $0)) }
            certificateUntil = pi.certificate?.notAfter.map(HTTPDate.formatInternet)
            certificateFingerprint = pi.certificate?.fingerprint.hex
            secrets = pi.secrets
            revoked = pi.revoked
        }
    }
}

func encode(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(value) else { preconditionFailure("strings and numbers are always JSON") }
    return String(decoding: data, as: UTF8.self)
}
