import Foundation
import MessageSignatures
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("A request that is not authentic")
struct UnauthenticatedTests {
    enum Kind: String, CaseIterable {
        case whole = "PUT"
        case announcement = "POST"
        case part = "PATCH"
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let head: @Sendable (UploadRequest) -> String

        init(_ description: String, _ change: @escaping @Sendable (inout UploadRequest) -> Void) {
            testDescription = description
            head = { request in
                var request = request
                change(&request)
                return request.head
            }
        }
    }

    private static let size = 32 << 20
    private static let mostDecrypted = 256 << 10

    static let cases: [Case] = [
        Case("a wrong secret") { $0.secret = PiSecret(Array("0123456789abcdef".utf8))! },
        Case("another Pi's keyid") { $0.set("keyid", .string("pi-02")) },
        Case("a signature of yesterday") { $0.set("created", .integer(1_700_000_000)) },
        Case("no signature") { $0.rewriteHead = { head in Self.without("Signature", head) } },
        Case("no signature and no length") {
            $0.contentLength = nil
            $0.fields.append(("Transfer-Encoding", "chunked"))
            $0.rewriteHead = { head in Self.without("Signature", head) }
        },
        Case("a head that cannot be read") { $0.fields.append(("Host", "elsewhere")) },
        Case("a wait for 100 that is not kept") {
            $0.secret = PiSecret(Array("0123456789abcdef".utf8))!
            $0.fields.append(("Expect", "100-continue"))
        },
    ]

    private static func without(_ name: String, _ head: String) -> String {
        head.components(separatedBy: "\r\n").filter { !$0.hasPrefix(name) }.joined(separator: "\r\n")
    }

    @Test(
        "has at most 256 KiB of its body decrypted, and nothing is made in the store", arguments: Kind.allCases, cases)
    func isNotTakenIn(kind: Kind, case test: Case) async throws {
        try await RunningReceiver.run { receiver in
            var request = try await receiver.authentic(kind)
            let before = try receiver.snapshot()
            request.contentLength = String(Self.size)
            let head = test.head(request)
            try await receiver.connected { client in
                let chunk = Array(repeating: UInt8(0), count: 64 << 10)
                // The receiver closes long before the end.
                #expect(throws: (any Error).self) {
                    try client.send(head.utf8)
                    for _ in 0..<Self.size / chunk.count { try client.send(chunk) }
                    while true { _ = try client.response() }
                }
            }
            let decrypted = try await receiver.decryptedByClosedConnection(after: kind == .part ? 1 : 0)
            #expect((1...head.utf8.count + Self.mostDecrypted).contains(decrypted))
            #expect(try receiver.snapshot() == before)
        }
    }

    @Test("for want of a good certificate is not decrypted at all")
    func withoutCertificate() async throws {
        try await RunningReceiver.run { receiver in
            let before = try receiver.snapshot()
            let context = try receiver.context(TestLab().pi("pi-01"))
            try await blocking {
                _ = #expect(throws: (any Error).self) {
                    let client = try RawClient(port: receiver.port, context: context)
                    while true { try client.send(receiver.request().bytes) }
                }
            }
            let decrypted = try await receiver.decryptedByClosedConnection()
            #expect(decrypted == 0)
            #expect(try receiver.snapshot() == before)
        }
    }
}

extension RunningReceiver {
    /// A request that would be taken. A part's upload has begun; its connection is the first to be closed.
    fileprivate func authentic(_ kind: UnauthenticatedTests.Kind) async throws -> UploadRequest {
        let body: [UInt8] = [1, 2, 3]
        let announcement = UploadRequest.announcing(body, secret: secret, path: "a.json")
        switch kind {
        case .whole: return request()
        case .announcement: return announcement
        case .part:
            let location = try #require(try await answer(to: announcement).fields["location"])
            _ = try await decryptedByClosedConnection()
            return .part(body, of: location, secret: secret, offset: 0, isLast: true)
        }
    }

    /// Of everything in the store, the receiver's own notes too: which file it is, how large, and when it was last changed.
    fileprivate func snapshot() throws -> [String] {
        let root = folder("received_files")
        let paths = try FileManager.default.subpathsOfDirectory(atPath: root).sorted()
        return try ([""] + paths).map { path in
            var status = stat()
            guard lstat("\(root)/\(path)", &status) == 0 else { throw CocoaError(.fileNoSuchFile) }
            return "\(path) \(status.st_ino) \(status.st_size) \(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
        }
    }

    /// Waits for the only connection `after` so many to be closed.
    fileprivate func decryptedByClosedConnection(after earlier: Int = 0) async throws -> Int {
        let marker = "connection closed [\"decrypted\": "
        while true {
            if let line = log.lines.filter({ $0.contains(marker) }).dropFirst(earlier).first,
                let range = line.range(of: marker)
            {
                return Int(line[range.upperBound...].prefix { $0.isNumber }) ?? -1
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
