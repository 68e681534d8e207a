import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol
import UploadStore

/// Stands for whoever works at an upload.
final class Lease: Sendable {}

extension UploadStore {
    static func announced(_ content: [UInt8], _ path: String, pi: String = "pi-01") throws -> AnnouncedFile {
        AnnouncedFile(
            pi: PiName(pi)!, path: try UploadPath(segments: path.split(separator: "/").map(String.init)),
            size: Int64(content.count), digest: SHA256.digest(of: content), modified: 1_778_926_500)
    }

    func open(_ file: AnnouncedFile) throws -> PartialUpload? {
        try partials.open(PartialKey(file), room: file.size, lease: Lease())
    }

    /// What comes of the bytes of `content` from where the upload goes on, up to `end`.
    func send(_ content: [UInt8], of file: AnnouncedFile, upTo end: Int) throws -> Int64 {
        let partial = try #require(try open(file))
        try partial.write(Array(content[Int(partial.start)..<end]))
        return try partial.end()
    }

    /// Sends what is still to come, and stores it.
    func complete(_ content: [UInt8], of file: AnnouncedFile) throws -> Receipt.Result {
        let partial = try #require(try open(file))
        try partial.write(Array(content[Int(partial.start)...]))
        #expect(partial.finish() == file.digest)
        return try commit(partial) { try signReceipt(for: file, result: $0) }.receipt.result
    }

    func offset(of file: AnnouncedFile) throws -> Int64? { try partials.status(of: PartialKey(file))?.offset }
}

extension PartialUpload {
    func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try write($0) }
    }
}
