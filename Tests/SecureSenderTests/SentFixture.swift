import Files
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

/// Files in `data`, to be moved to `sent`, with receipts of a receiver of the test's own.
final class SentFixture {
    let folder: TemporaryFolder
    let source: Folder
    let root: Folder
    /// Where `sent` is.
    private let sentPath: String
    let sentFiles: SentFiles
    private let receiver: TestLab.Identity

    /// `isSignedByPi`: whether a Pi's key signs the receipts. `onOtherFileSystem`: whether `sent` is a link to a folder in memory.
    init(onOtherFileSystem: Bool = false, isSignedByPi: Bool = false) throws {
        folder = try TemporaryFolder()
        sentPath = onOtherFileSystem ? "/dev/shm/secure-upload-\(UUID().uuidString)" : folder("sent")
        for path in [folder("data"), sentPath] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        if onOtherFileSystem { symlink(sentPath, folder("sent")) }
        source = try Folder(opening: folder("data"))
        root = try Folder(opening: sentPath)
        sentFiles = SentFiles(source: source, root: root)
        receiver = try isSignedByPi ? TestLab().pi("pi-02") : TestLab().receiver()
    }

    deinit {
        try? FileManager.default.removeItem(atPath: sentPath)
    }

    /// Whether memory is another file system than that of temporary folders.
    static let hasOtherFileSystem: Bool = {
        var statuses = [stat(), stat()]
        return stat("/dev/shm", &statuses[0]) == 0
            && stat(FileManager.default.temporaryDirectory.path, &statuses[1]) == 0
            && statuses[0].st_dev != statuses[1].st_dev
    }()

    var waitingFiles: [String] { folder.files(below: "data") }
    var sentFileNames: [String] {
        (FileManager.default.enumerator(atPath: sentPath)?.compactMap { $0 as? String } ?? []).filter {
            var status = stat()
            return lstat("\(sentPath)/\($0)", &status) == 0 && status.isRegularFile
        }.sorted()
    }

    func write(_ text: String, to name: String) throws { try folder.write(Array(text.utf8), to: name) }

    /// Hashes the file as it is now, and has it acknowledged.
    /// `created`: when the receiver signs, in seconds since 1970.
    func acknowledge(_ name: String, created: Int64 = 0) throws -> AcknowledgedFile {
        let path = try UploadPath(segments: name.split(separator: "/").map(String.init))
        let hashing = try FileHashing(path, below: source)
        let buffer = PieceBuffer()
        var budget = Int.max
        let file = try #require(try hashing.advance(&budget, with: buffer.bytes))
        let receipt = Receipt(
            pi: PiName("pi-01")!, path: path, size: file.size, digest: file.digest, received: 0, result: .created)
        let context = ReceiptSignature.Context(
            status: 201, method: "PUT", authority: "h", path: "/", requestDigest: file.digest)
        let signed = try SignedReceipt(
            signing: receipt, context: context, created: created, certificate: receiver.certificate.fingerprint,
            key: receiver.key)
        return AcknowledgedFile(file: file, receipt: signed)
    }

    /// As a batch does that is to move it under that name.
    func note(_ file: AcknowledgedFile, as name: String) throws {
        var move = Move(file)
        move.name = name
        let note = sentFiles.note
        try note.publish(try note.draft([move]), before: [])
    }

    /// `name`: that of the file, below the sent folder.
    func writeReceipt(of file: AcknowledgedFile, as name: String) throws {
        let receipt = ReceiptFile(file.receipt, digest: file.file.digest, name: (name as NSString).lastPathComponent)
        try folder.write(receipt.contents, to: "sent/\(name).sha256")
    }

    /// As a connection to the receiver does.
    func keepCertificate() throws { try KeptCertificates(root: root).keep(receiver.certificate) }

    /// Without the hidden ones.
    var visibleSentFiles: [String] { sentFileNames.filter { !$0.hasPrefix(".") } }

    func text(_ name: String) throws -> String { String(decoding: try folder.read(name), as: UTF8.self) }

    func check(_ receiptName: String) async throws -> Bool {
        let parent = folder((("sent/" + receiptName) as NSString).deletingLastPathComponent)
        let name = (receiptName as NSString).lastPathComponent
        return try await Program.run("/usr/bin/sha256sum", ["-c", "--strict", name], in: parent).exitCode == 0
    }
}
