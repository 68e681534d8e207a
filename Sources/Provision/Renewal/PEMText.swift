import OpenSSL

/// A PEM file as people may have edited it.
enum PEMText {
    private static let begin = Array("-----BEGIN CERTIFICATE-----".utf8)
    private static let end = Array("-----END CERTIFICATE-----".utf8)

    /// `text` without the block of `certificate`; all else stays byte for byte.
    static func without(_ certificate: Certificate, _ text: [UInt8]) -> [UInt8] {
        let newline = UInt8(ascii: "\n")
        var kept: [UInt8] = []
        var block: [UInt8] = []
        var isInside = false
        for line in text.split(separator: newline, omittingEmptySubsequences: false).map({ Array($0) + [newline] }) {
            if line.starts(with: begin) { isInside = true }
            guard isInside else {
                kept += line
                continue
            }
            block += line
            guard line.starts(with: end) else { continue }
            isInside = false
            let isIt = (try? Certificate.all(inPEM: block).first?.fingerprint) == certificate.fingerprint
            if !isIt { kept += block }
            block = []
        }
        // The split ends with what is behind the last newline.
        return (kept + block).dropLast()
    }
}
