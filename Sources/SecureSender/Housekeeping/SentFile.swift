import Files
import Glibc
import OpenSSL
import UploadProtocol

/// Why a sent file is not taken for one that the receiver holds.
enum SentFileDoubt: Error, Hashable, CustomStringConvertible {
    case noReceipt
    case notAReceipt
    case otherContent
    case otherFile
    case unknownCertificate
    case invalidSignature
    /// Somebody has it open for writing, or it changed while it was read.
    case inUse
    case failed(SystemCallError)

    var description: String {
        switch self {
        case .noReceipt: "it has no receipt"
        case .notAReceipt: "what is beside it is no receipt of it"
        case .otherContent: "it is not what its receipt is for"
        case .otherFile: "its receipt is for another file, or another Pi's"
        case .unknownCertificate: "the certificate that its receipt was signed with is not kept here"
        case .invalidSignature: "its receipt's signature is not valid"
        case .inUse: "somebody is writing to it"
        case .failed(let error): "\(error)"
        }
    }
}

/// A file in the sent folder, by name.
struct SentFile {
    let folder: Folder
    /// Below the sent folder.
    let parents: [String]
    let name: String

    var receiptName: String { name + UploadPath.receiptSuffix }
    var path: String { (parents + [name]).joined(separator: "/") }

    /// Reads it again, and verifies its receipt by the certificate that is kept; returns what the file was.
    /// `nil`, before all of the file is read, if the receipt is not `wanted`. Throws `failed` as soon as `stop` is wanted.
    func verify(
        pi: PiName, certificates: KeptCertificates, stop: StopSignal, where isWanted: (SignedReceipt) -> Bool
    ) throws(SentFileDoubt) -> Fingerprint? {
        let stated = try receiptFile()
        guard let unverified = UnverifiedReceipt(stated) else { throw .notAReceipt }
        guard let certificate = certificates.certificate(unverified.certificate) else { throw .unknownCertificate }
        let receipt: SignedReceipt
        do throws(ReceiptError) {
            receipt = try SignedReceipt(verifying: unverified, certificate: certificate)
        } catch {
            throw .invalidSignature
        }
        let json = receipt.receipt
        guard json.pi.utf8.elementsEqual(pi.text.utf8), isPlace(of: json.path) else { throw .otherFile }
        guard json.sha256 == stated.digest.hex else { throw .notAReceipt }
        guard isWanted(receipt) else { return nil }
        return try checkContent(digest: stated.digest, size: json.size, stop: stop)
    }

    private func receiptFile() throws(SentFileDoubt) -> ReceiptFile {
        let status = try failing { () throws(SystemCallError) in try folder.status(of: receiptName) }
        guard let status else { throw .noReceipt }
        guard status.isRegularFile else { throw .notAReceipt }
        let contents = try failing { () throws(SystemCallError) in
            try readAll(try folder.open(receiptName, O_RDONLY | O_NONBLOCK), limit: ReceiptFile.mostBytes)
        }
        guard let file = ReceiptFile(parsing: contents, name: name) else { throw .notAReceipt }
        return file
    }

    private func checkContent(
        digest: SHA256Digest, size: Int64, stop: StopSignal
    ) throws(SentFileDoubt) -> Fingerprint {
        let file = try failing { () throws(SystemCallError) in
            try folder.open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        }
        let before = try failing { () throws(SystemCallError) in try file.status() }
        guard before.isRegularFile, before.st_size == off_t(size) else { throw .otherContent }
        guard file.isOpenForWriting != true else { throw .inUse }
        guard try failing({ () throws(SystemCallError) in try file.digest(stop: stop) }) == digest else {
            throw .otherContent
        }
        let after = try failing { () throws(SystemCallError) in try file.status() }
        guard Fingerprint(before) == Fingerprint(after) else { throw .inUse }
        return Fingerprint(before)
    }

    /// Whether a file of that path is kept here, perhaps under the name that it got because its own was taken.
    private func isPlace(of path: String) -> Bool {
        guard let path = try? UploadPath(plain: path) else { return false }
        return path.segments.dropLast().elementsEqual(parents) { $0.utf8.elementsEqual($1.utf8) }
            && isSentName(name, of: path.name)
    }

    private func failing<Result>(_ body: () throws(SystemCallError) -> Result) throws(SentFileDoubt) -> Result {
        do throws(SystemCallError) { return try body() } catch { throw .failed(error) }
    }
}
