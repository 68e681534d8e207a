import Files
import Glibc
import OpenSSL
import UploadProtocol

/// Judges a file by its receipt, and a receipt by its place.
struct Examination: Sendable {
    enum Outcome {
        case sound
        case found(Finding)
        case notOurs
        /// Nothing is there any more, or it is judged under its other name.
        case nothing
    }

    let certificates: KeptCertificates
    let underWay: UnderWay
    /// Told of bytes as they are read.
    let progress: @Sendable (Int) -> Void

    private static let mostLooks = 10
    /// Microseconds.
    private static let betweenLooks: useconds_t = 50_000

    /// `name`: of a file or of a receipt. Before a fault is told, everything is looked at once more, at a time when no
    /// upload was just changing it.
    func judge(_ name: String, in folder: WalkedFolder) -> Outcome {
        let pair = Pair(name, in: folder)
        do throws(SystemCallError) {
            var outcome = try look(pair)
            var isUnderWay = false
            for _ in 0..<Self.mostLooks {
                guard case .found = outcome else { return outcome }
                let before = try pair.versions()
                isUnderWay = try underWay.includes(pair, receipt: before.receipt)
                outcome = try look(pair)
                let after = try pair.versions()
                if !isUnderWay, after == before { return outcome }
                usleep(Self.betweenLooks)
            }
            // What somebody keeps changing, and no receiver, is as bad as it looks.
            guard case .found = outcome, isUnderWay else { return outcome }
            return .found(Finding(path: pair.path, matter: .underWay))
        } catch {
            return .found(Finding(path: pair.path, matter: .unreadable(error)))
        }
    }

    private func look(_ pair: Pair) throws(SystemCallError) -> Outcome {
        switch (try pair.content(), try pair.receipt()) {
        case (.none, .none):
            return .nothing
        case (let content, .other) where pair.isNamedByReceipt:
            if case .none = content, pair.isForeign { return .notOurs }
            return pair.isForeign ? .nothing : fault(.notAFile, pair.receiptPath)
        case (.file, _) where pair.isNamedByReceipt, (.other, _) where pair.isNamedByReceipt:
            // The walk comes by the file too.
            return .nothing
        case (.other, _):
            return pair.isForeign ? .notOurs : fault(.notAFile, pair.path)
        case (.file, .none), (.file, .other):
            return pair.isForeign ? .notOurs : fault(.receiptMissing, pair.path)
        case (.none, .other):
            return .nothing
        case (.none, .file(let receipt)):
            return try compare(nil, receipt, pair)
        case (.file(let content), .file(let receipt)):
            return try compare(content, receipt, pair)
        }
    }

    private func compare(
        _ content: StoredFile?, _ receipt: StoredFile, _ pair: Pair
    ) throws(SystemCallError) -> Outcome {
        let bytes = receipt.size <= mostReceiptBytes ? try readAll(receipt.file, limit: mostReceiptBytes) : []
        guard !pair.isForeign || bytes.starts(with: ReceiptFile.firstComment.utf8) else { return .notOurs }
        let stated: Statement
        do throws(Fault) { stated = try Statement(verifying: bytes, of: pair, certificates) } catch {
            if content == nil, error == .receiptDamaged { return fault(.fileMissing, pair.path) }
            return fault(error, pair.path)
        }
        guard let content else { return fault(.fileMissing, pair.path) }
        // Before it is read: what has become endless is not.
        guard content.size == stated.size else {
            return fault(.sizeChanged(received: stated.size, found: content.size), pair.path)
        }
        let found = try content.digest(progress: progress)
        guard found == stated.digest else {
            return fault(.contentChanged(received: stated.digest, found: found), pair.path)
        }
        return .sound
    }

    private func fault(_ fault: Fault, _ path: String) -> Outcome {
        .found(Finding(path: path, matter: .fault(fault)))
    }
}

/// What a good receipt says of the file that it lies beside.
private struct Statement {
    /// Bytes.
    let size: Int64
    let digest: SHA256Digest

    /// Throws unless `bytes` is, to the last one, the receipt of the file in that place, signed by the receiver.
    init(verifying bytes: [UInt8], of pair: Pair, _ certificates: KeptCertificates) throws(Fault) {
        guard let file = ReceiptFile(parsing: bytes) else { throw .receiptDamaged }
        guard let unverified = UnverifiedReceipt(file) else {
            throw file.isWithoutReceipt ? .notUploaded : .receiptDamaged
        }
        let certificate = try certificates.certificate(unverified.certificate)
        guard let signed = try? SignedReceipt(verifying: unverified, certificate: certificate) else {
            throw .signatureInvalid
        }
        guard let digest = SHA256Digest(hex: signed.receipt.sha256) else { throw .receiptDamaged }
        guard pair.isPlace(of: signed.receipt, name: file.name) else {
            throw .misplaced(receivedAs: pair.otherPlace(of: signed.receipt))
        }
        // Signed is the receipt, not the line for sha256sum.
        guard ReceiptFile(signed, digest: digest, name: pair.name).contents == bytes else { throw .receiptDamaged }
        size = signed.receipt.size
        self.digest = digest
    }
}
