import OpenSSL

extension IdentifierList {
    /// For a file with an error in some line: of this list, which the file gave before, what its lines still hold. So a
    /// line that was taken out is out, whatever else was mistyped. A line for people (`# revoked …`) holds nothing.
    package func keepingSecrets(in text: [UInt8]) -> IdentifierList {
        let firstWords = text.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }.compactMap { line in
            line.split { $0 <= UInt8(ascii: " ") }.first.map { word in word.map { $0 | 0x20 } }
        }
        let present = Set(firstWords.filter { PiSecret.digitCounts.contains($0.count) })
        func isPresent(_ secret: PiSecret) -> Bool { present.contains(secret.key.withUnsafeBytes(Array.init)) }
        return IdentifierList(
            named: named.mapValues { $0.filter(isPresent) }, bare: bare.filter(isPresent))
    }

    // A name keeps its entry even without a secret: bare ones must not serve it instead.
    private init(named: [PiName: [PiSecret]], bare: [PiSecret]) {
        self.named = named
        self.bare = bare
    }
}
