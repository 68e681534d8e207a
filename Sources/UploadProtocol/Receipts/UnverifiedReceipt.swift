import MessageSignatures
package import OpenSSL

/// What a receipt file states, taken apart: nothing of it is to be believed yet.
package struct UnverifiedReceipt: Hashable, Sendable {
    /// Of the certificate whose key is said to have signed.
    package let certificate: SHA256Digest
    let json: String
    let parameters: SignatureParameters
    let base: SignatureBase
    let signature: [UInt8]

    /// `nil` unless the comments of `file` are those of a receipt, in the protocol's one form.
    package init?(_ file: ReceiptFile) {
        let components = ReceiptSignature.components
        let lines = file.comments
        guard lines.count == components.count + 5, lines[0] == ReceiptFile.firstComment,
            let fingerprint = text(in: lines[1], after: "# certificate "),
            let certificate = SHA256Digest(hex: fingerprint),
            let json = text(in: lines[2], after: "# json "),
            let input = text(in: lines[lines.count - 2], after: "# base \"@signature-params\": "),
            let parameters = ReceiptSignature.parse(signatureInput: "\(ReceiptSignature.label)=\(input)"),
            parameters.keyID == certificate.hex,
            let encoded = text(in: lines[lines.count - 1], after: "# signature "),
            let signature = ByteSequence.parse(encoded)
        else { return nil }

        var values: [CoveredComponent: String] = [:]
        for (component, line) in zip(components, lines[3...]) {
            values[component] = text(in: line, after: "# base \(component.identifier): ")
        }
        guard values[.contentType] == Receipt.contentType,
            // This ties the JSON to what was signed.
            values[.contentDigest] == ContentDigest.fieldValue(SHA256.digest(of: Array(json.utf8))),
            let base = try? SignatureBase(parameters, value: { values[$0] })
        else { return nil }
        self.certificate = certificate
        self.json = json
        self.parameters = parameters
        self.base = base
        self.signature = signature
    }
}

extension UnverifiedReceipt {
    /// `nil` if the JSON is no receipt.
    package var statement: Receipt? { try? Receipt(json: json) }
}

extension SignedReceipt {
    /// Verifies what a receipt file states. `certificate`: one that the caller has reason to take for the receiver's.
    package init(verifying stated: UnverifiedReceipt, certificate: Certificate) throws(ReceiptError) {
        guard certificate.fingerprint == stated.certificate else { throw .otherCertificate }
        guard certificate.isValidSignature(stated.signature, for: stated.base.bytes) else { throw .invalidSignature }
        guard let receipt = try? Receipt(json: stated.json) else { throw .notAReceipt }
        self.receipt = receipt
        json = stated.json
        parameters = stated.parameters
        base = stated.base
        signature = stated.signature
        self.certificate = stated.certificate
    }
}

/// By bytes: a combining mark at the start of the rest would hide the prefix's last character. `nil` without the prefix.
private func text(in line: String, after prefix: String) -> String? {
    guard line.utf8.starts(with: prefix.utf8) else { return nil }
    return String(Substring(line.utf8.dropFirst(prefix.utf8.count)))
}
