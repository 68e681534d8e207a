package import MessageSignatures
package import OpenSSL

/// A receipt with all that one needs to verify it years later: its JSON, what was signed, and the signature.
package struct SignedReceipt: Hashable, Sendable {
    package let receipt: Receipt
    /// The exact bytes of the answer's body.
    package let json: String
    package let parameters: SignatureParameters
    package let base: SignatureBase
    /// r‖s, 64 bytes.
    package let signature: [UInt8]
    /// Of the certificate whose key signed.
    package let certificate: SHA256Digest

    /// Signs `receipt` with `key`, whose certificate has the fingerprint `certificate`. `created`: seconds since 1970.
    package init(
        signing receipt: Receipt, context: ReceiptSignature.Context, created: Int64, certificate: SHA256Digest,
        key: PrivateKey
    ) throws(OpenSSLError) {
        self.receipt = receipt
        self.certificate = certificate
        json = receipt.json
        parameters = ReceiptSignature.parameters(created: created, certificate: certificate)
        base = ReceiptSignature.base(parameters, json: json, context: context)
        signature = try key.signature(for: base.bytes)
    }

    package var signatureInputField: String { "\(ReceiptSignature.label)=\(parameters.serialized)" }
    package var signatureField: String { "\(ReceiptSignature.label)=\(ByteSequence.serialize(signature))" }

    /// Verifies an answer's receipt; everything that the signature covers comes from `context` and `json`, that is, from
    /// what the caller sent and got. `certificate`: the one that the receiver showed in the handshake.
    package init(
        verifying json: String, signatureInput: String, signature: String, context: ReceiptSignature.Context,
        certificate: Certificate
    ) throws(ReceiptError) {
        guard let parameters = ReceiptSignature.parse(signatureInput: signatureInput) else { throw .signatureInput }
        guard let bytes = ReceiptSignature.parse(signature: signature) else { throw .signatureField }
        let fingerprint = certificate.fingerprint
        guard parameters.keyID == fingerprint.hex else { throw .otherCertificate }
        let base = ReceiptSignature.base(parameters, json: json, context: context)
        guard certificate.isValidSignature(bytes, for: base.bytes) else { throw .invalidSignature }
        guard let receipt = try? Receipt(json: json) else { throw .notAReceipt }
        self.receipt = receipt
        self.json = json
        self.parameters = parameters
        self.base = base
        self.signature = bytes
        self.certificate = fingerprint
    }
}

package enum ReceiptError: Error, Hashable, Sendable, CustomStringConvertible {
    case signatureInput
    case signatureField
    case otherCertificate
    case invalidSignature
    case notAReceipt

    package var description: String {
        switch self {
        case .signatureInput: "the receipt's Signature-Input is missing or not of the protocol's form"
        case .signatureField: "the receipt's Signature is missing or not of the protocol's form"
        case .otherCertificate: "the receipt is signed by another certificate than the receiver's"
        case .invalidSignature: "the receipt's signature is not valid"
        case .notAReceipt: "the answer's body is no receipt"
        }
    }
}
