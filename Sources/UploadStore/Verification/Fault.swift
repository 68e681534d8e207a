package import OpenSSL

/// What is wrong with a stored file, its receipt, or a name in the store.
package enum Fault: Error, Hashable, Sendable {
    /// The SHA-256 is not the receipt's.
    case contentChanged(received: SHA256Digest, found: SHA256Digest)
    /// Bytes.
    case sizeChanged(received: Int64, found: Int64)
    /// The receipt is there, its file is not.
    case fileMissing
    /// The file is there, its receipt is not.
    case receiptMissing
    /// The receipt's file is not what the receiver wrote.
    case receiptDamaged
    /// What stands beside the file gives its SHA-256 and is no receipt.
    case notUploaded
    /// A good receipt that lies beside another name than its own.
    case misplaced(receivedAs: String)
    /// The receipt names a certificate that is not kept, or not usable; `reason` says which.
    case certificateUnusable(SHA256Digest, reason: String)
    /// Not signed by the certificate that it names.
    case signatureInvalid
    /// A link, a device, a FIFO where a file or a folder should be.
    case notAFile
    /// No upload can have this name, or lie that deep.
    case impossibleName
}

extension Fault: CustomStringConvertible {
    /// A stable word for programs.
    package var code: String {
        switch self {
        case .contentChanged: "content-changed"
        case .sizeChanged: "size-changed"
        case .fileMissing: "file-missing"
        case .receiptMissing: "receipt-missing"
        case .receiptDamaged: "receipt-damaged"
        case .notUploaded: "not-uploaded"
        case .misplaced: "misplaced"
        case .certificateUnusable: "certificate-unusable"
        case .signatureInvalid: "signature-invalid"
        case .notAFile: "not-a-file"
        case .impossibleName: "impossible-name"
        }
    }

    package var description: String {
        switch self {
        case .contentChanged(let received, let found):
            "the content is not what was received: its SHA-256 is \(found), the receipt's \(received)"
        case .sizeChanged(let received, let found):
            "the content is not what was received: it has \(found) bytes, and \(received) were received"
        case .fileMissing: "the file is gone; its receipt is still there"
        case .receiptMissing: "there is no receipt beside it"
        case .receiptDamaged: "the receipt beside it is damaged"
        case .notUploaded: "it was not uploaded, but put there by hand"
        case .misplaced(let place): "this was received as \(place), and does not belong here"
        case .certificateUnusable(let fingerprint, let reason):
            "the receipt cannot be verified: the certificate \(fingerprint) \(reason)"
        case .signatureInvalid: "the receipt is not what the receiver signed"
        case .notAFile: "this is a link or a device, and not what the receiver made; nothing was read through it"
        case .impossibleName: "no upload can have this name, or lie that deep; nothing below it was looked at"
        }
    }

    /// What somebody can do about it.
    package var remedy: String {
        switch self {
        case .contentChanged, .sizeChanged, .fileMissing, .signatureInvalid:
            "put the file and its .sha256 back from a copy, or send the file again from the Pi's sent_files/."
        case .receiptMissing, .receiptDamaged:
            "put its .sha256 back from a copy, or from the Pi's sent_files/; or send the file again."
        case .notUploaded, .impossibleName: "move it out of the store if it was put there by hand."
        case .misplaced: "move the file and its .sha256 back to that name."
        case .certificateUnusable: "put it back from a copy of certs/receiver/, or name the folder with --certs."
        case .notAFile: "find out who put it there, and move it away."
        }
    }
}
