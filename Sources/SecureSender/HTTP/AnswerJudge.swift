import MessageSignatures
import OpenSSL
import UploadProtocol

/// What an answer means for the file that its request was about.
enum Verdict: Hashable, Sendable {
    /// The receiver holds the file, and we hold the proof.
    case stored(SignedReceipt)
    /// The receiver holds so many bytes of it for good.
    case reached(Int64)
    /// The receiver waits for the bytes from here on.
    case misplaced(Int64)
    /// The receiver knows no such upload, or has stored it already: announcing the file tells.
    case lost
    /// The bytes that came are not those that were announced: of a part, or of the whole.
    case damaged(isWhole: Bool, reason: String)
    /// The file is not stored; others may be.
    case refused(reason: String, hint: String?)
    /// The receiver has no room for it, and so for none that is as large.
    case noRoom(reason: String, hint: String?)
    /// It took too long; nobody has decided about the file.
    case interrupted(reason: String)
    /// The receiver could not write the file; the fault may be the file's, its folder's there, or the whole disk's.
    case notWritten(reason: String, hint: String?)
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

    func verdict(on response: Response, to exchange: Exchange) -> Verdict {
        switch (response.status, exchange.request) {
        case (201, .announce) where response.fields.contains("upload-offset"):
            verdict(onAnnouncement: response, of: exchange.file)
        case (204, .part):
            response.uploadOffset(of: exchange.file).map { .reached($0) } ?? Self.notUnderstood
        case (200, _), (201, _): verdict(onReceipt: response, to: exchange)
        default: verdict(onRefusal: response, to: exchange)
        }
    }

    private static let notUnderstood = Verdict.refused(
        reason: "the receiver does not say how far the file has got", hint: "is the receiver of a newer version?")

    private func verdict(onAnnouncement response: Response, of file: OutgoingFile) -> Verdict {
        guard let offset = response.uploadOffset(of: file),
            response.fields["location"] == MessagePath.upload(file.uploadID(of: pi))
        else { return Self.notUnderstood }
        return .reached(offset)
    }
}

// MARK: - Receipts

extension AnswerJudge {
    private func verdict(onReceipt response: Response, to exchange: Exchange) -> Verdict {
        let receipt: SignedReceipt
        do throws(ReceiptError) {
            receipt = try verifiedReceipt(response, to: exchange)
        } catch .notAReceipt {
            return .refused(reason: "\(ReceiptError.notAReceipt)", hint: "is the receiver of a newer version?")
        } catch {
            return .notAuthenticated(
                reason: "the answer for \(exchange.file.path) is not signed as the receiver signs: \(error)",
                hint: "nothing was moved; ask who runs the receiver whether something stands between it and this Pi")
        }
        guard receipt.receipt.states(pi: pi, file: exchange.file) else {
            return .refused(
                reason: "the receipt is for another Pi, path, size or content",
                hint: "the receiver is at fault: show this line to who runs it")
        }
        return .stored(receipt)
    }

    private func verifiedReceipt(_ response: Response, to exchange: Exchange) throws(ReceiptError) -> SignedReceipt {
        guard let json = String(validating: response.body, as: UTF8.self) else { throw .notAReceipt }
        guard let input = response.fields["signature-input"] else { throw .signatureInput }
        guard let signature = response.fields["signature"] else { throw .signatureField }
        // The signature is checked over these two as they have to be; they have to be so in the message too.
        guard response.fields["content-type"] == Receipt.contentType,
            response.fields["content-digest"] == ContentDigest.fieldValue(SHA256.digest(of: response.body))
        else { throw .invalidSignature }
        return try SignedReceipt(
            verifying: json, signatureInput: input, signature: signature,
            context: UploadRequest(exchange, pi: pi).receiptContext(status: response.status, authority: authority),
            certificate: certificate)
    }
}

extension Receipt {
    /// By bytes: two names that look alike are equal to Swift and still two files.
    fileprivate func states(pi: PiName, file: OutgoingFile) -> Bool {
        self.pi.utf8.elementsEqual(pi.text.utf8) && path.utf8.elementsEqual(file.path.description.utf8)
            && size == file.size && sha256 == file.digest.hex
    }
}

// MARK: - Refusals

extension AnswerJudge {
    private func verdict(onRefusal response: Response, to exchange: Exchange) -> Verdict {
        let details = ProblemDetails(response)
        if let refusal = details.identityRefusal(of: pi) {
            return .notAuthenticated(reason: refusal.reason, hint: refusal.hint)
        }
        switch details.problem {
        case .clockSkew:
            guard let time = response.fields["date"].flatMap({ HTTPDate.parse($0) }) else {
                return .refused(reason: "\(details.words), and does not say what time it is", hint: nil)
            }
            return .clockSkew(receiverTime: time)
        case .insufficientStorage:
            return .noRoom(reason: details.words, hint: details.hint)
        case .storageFailed:
            return .notWritten(reason: details.words, hint: details.hint)
        case .draining, .tooManyRequests:
            return .later(reason: details.words, seconds: response.retryAfter)
        case .timeout:
            return .interrupted(reason: details.words)
        case .digestMismatch:
            return .damaged(isWhole: exchange.isJudgedAsWhole(by: response), reason: details.words)
        case .uploadOffsetMismatch:
            return response.uploadOffset(of: exchange.file).map { .misplaced($0) } ?? Self.notUnderstood
        case .uploadCompleted:
            return .lost
        case .notFound:
            guard case .part = exchange.request else { fallthrough }
            return .lost
        default:
            return .refused(reason: details.words, hint: details.hint)
        }
    }
}

extension Exchange {
    /// A wrong part says `?0`: the upload goes on; `?1` after the last part: it is over.
    fileprivate func isJudgedAsWhole(by response: Response) -> Bool {
        guard case .part = request else { return true }
        return response.fields["upload-complete"] == ResumableUpload.boolean(true)
    }
}

extension Response {
    /// `nil` unless it is a place in `file`.
    fileprivate func uploadOffset(of file: OutgoingFile) -> Int64? {
        guard let text = fields["upload-offset"], (1...18).contains(text.utf8.count),
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let offset = Int64(text), offset <= file.size
        else { return nil }
        return offset
    }
}
