import MessageSignatures
import OpenSSL
import UploadProtocol

/// What an answer means for the file that it answers.
enum Verdict: Hashable, Sendable {
    /// The receiver holds the file, and we hold the proof.
    case stored(SignedReceipt)
    /// This file is not stored; the others may be.
    case refused(reason: String, hint: String?)
    /// The signature's time is off; the receiver's own is this, in seconds since 1970.
    case clockSkew(receiverTime: Int64)
    /// The receiver cannot take it now; it may in so many seconds, if it says that.
    case later(reason: String, seconds: Int64?)
    /// The receiver refuses us, or is not the one that we trust: nothing more can come of this run.
    case notAuthenticated(reason: String, hint: String)
}

/// Decides about answers of one connection; everything that a receipt must say is known before it comes.
struct AnswerJudge {
    let pi: PiName
    let authority: String
    /// The receiver's, from the handshake.
    let certificate: Certificate

    func verdict(on response: Response, for file: OutgoingFile) -> Verdict {
        switch response.status {
        case 200, 201: verdict(onReceipt: response, for: file)
        default: verdict(onRefusal: response)
        }
    }

    private func verdict(onReceipt response: Response, for file: OutgoingFile) -> Verdict {
        let receipt: SignedReceipt
        do throws(ReceiptError) {
            receipt = try verifiedReceipt(response, for: file)
        } catch .notAReceipt {
            return .refused(reason: "\(ReceiptError.notAReceipt)", hint: "is the receiver of a newer version?")
        } catch {
            return .notAuthenticated(
                reason: "the answer for \(file.path) is not signed as the receiver signs: \(error)",
                hint: "nothing was moved; ask who runs the receiver whether something stands between it and this Pi")
        }
        guard receipt.receipt.states(pi: pi, file: file) else {
            return .refused(
                reason: "the receipt is for another Pi, path, size or content",
                hint: "the receiver is at fault: show this line to who runs it")
        }
        return .stored(receipt)
    }

    private func verifiedReceipt(_ response: Response, for file: OutgoingFile) throws(ReceiptError) -> SignedReceipt {
        guard let json = String(validating: response.body, as: UTF8.self) else { throw .notAReceipt }
        guard let input = response.fields["signature-input"] else { throw .signatureInput }
        guard let signature = response.fields["signature"] else { throw .signatureField }
        // The signature is checked over these two as they have to be; they have to be so in the message too.
        guard response.fields["content-type"] == Receipt.contentType,
            response.fields["content-digest"] == ContentDigest.fieldValue(SHA256.digest(of: response.body))
        else { throw .invalidSignature }
        return try SignedReceipt(
            verifying: json, signatureInput: input, signature: signature,
            context: .init(
                status: response.status, method: PutRequest.method, authority: authority,
                path: MessagePath.file(file.path), requestDigest: file.digest),
            certificate: certificate)
    }

    private func verdict(onRefusal response: Response) -> Verdict {
        let details = ProblemDetails(response)
        switch details.problem {
        case .authenticationFailed:
            return .notAuthenticated(
                reason: "the receiver does not accept the signature of \(pi) \(details.answer)",
                hint: "is the line of \(pi) in the receiver's ids.txt, with the secret of this Pi's secret.py?")
        case .identityMismatch:
            return .notAuthenticated(
                reason: "\(details.words)", hint: "pi.pem and secret.py have to be of one and the same Pi")
        case .clockSkew:
            guard let time = response.fields["date"].flatMap({ HTTPDate.parse($0) }) else {
                return .refused(reason: "\(details.words), and does not say what time it is", hint: nil)
            }
            return .clockSkew(receiverTime: time)
        case .draining, .tooManyRequests:
            return .later(reason: details.words, seconds: response.retryAfter)
        default:
            return .refused(reason: details.words, hint: details.hint)
        }
    }
}

extension Receipt {
    /// By bytes: two names that look alike are equal to Swift and still two files.
    fileprivate func states(pi: PiName, file: OutgoingFile) -> Bool {
        self.pi.utf8.elementsEqual(pi.text.utf8) && path.utf8.elementsEqual(file.path.description.utf8)
            && size == file.size && sha256 == file.digest.hex
    }
}
