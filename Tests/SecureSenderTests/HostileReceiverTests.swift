import CertificateAuthority
import CommandSupport
import Foundation
import MessageSignatures
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

/// Whoever answers is not, or not quite, the receiver that the Pi trusts: in each case no file is moved.
@Suite("A receiver that is not the one that the Pi trusts")
struct HostileReceiverTests {
    /// Sends one file to a receiver with this identity that then behaves as the script says.
    private func expectAuthenticationFailed(
        _ station: Station, as identity: TestLab.Identity, trusting lab: TestLab? = nil, words: String,
        hint: String = "",
        script: @escaping @Sendable (PeerConnection) throws -> Void
    ) async throws {
        let receiver = try ScriptedReceiver(as: identity, in: lab ?? station.lab, script: script)
        let outcome = try await station.send(to: receiver.port)
        #expect(outcome.errors.hasPrefix("Authentication failed: "), "\(outcome.errors)")
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
        #expect(outcome.errors.contains("\n  hint: "))
        #expect(hint.isEmpty || outcome.errors.contains(hint))
        #expect(outcome.exitCode == 77)
        #expect(station.waitingFiles == ["a", "b"])
        #expect(station.sentFiles == [])
    }

    private func station() throws -> Station { try Station(files: ["a": "content", "b": "more"]) }

    @Test("of another authority is refused in the handshake")
    func otherAuthority() async throws {
        let station = try station()
        let other = try TestLab()
        let answers = Answers(identity: try other.receiver(), pi: station.name)
        try await expectAuthenticationFailed(
            station, as: answers.identity, words: "not the receiver that this Pi trusts"
        ) {
            try answers.serve($0)
        }
    }

    @Test(
        "with a certificate of another kind is refused in the handshake",
        arguments: [
            (["URI:spiffe://test-lab/pi/pi-02"], "clientAuth"), (["DNS:secure-receiver"], "clientAuth"),
            (["DNS:localhost", "IP:127.0.0.1"], "serverAuth"), (["DNS:secure-receiver"], "serverAuth,clientAuth"),
            (["DNS:secure-receiver"], "anyExtendedKeyUsage"), (["DNS:secure-receiver.evil"], "serverAuth"),
            (["DNS:secure-receiver"], ""),
        ])
    func otherKind(names: [String], usage: String) async throws {
        let station = try station()
        let identity = try station.lab.leaf(names: names, extendedKeyUsage: usage.isEmpty ? nil : usage)
        let answers = Answers(identity: identity, pi: station.name)
        try await expectAuthenticationFailed(station, as: identity, words: "not the receiver that this Pi trusts") {
            try answers.serve($0)
        }
    }

    @Test("with an expired certificate, or one of a later day, is refused with the time at which it was judged")
    func outOfTime() async throws {
        let station = try station()
        let now = Int64(Date().timeIntervalSince1970)
        for (validity, words, hint) in [
            (Validity(notBefore: now - 90_000, notAfter: now - 3600), "ended on", "provision renew --server"),
            (Validity(notBefore: now + 90_000, notAfter: now + 180_000), "not yet valid", "GMT"),
        ] {
            let identity = try station.lab.leaf(
                names: ["DNS:secure-receiver"], extendedKeyUsage: "serverAuth", validity: validity)
            let answers = Answers(identity: identity, pi: station.name)
            let receiver = try ScriptedReceiver(as: identity, in: station.lab) { try answers.serve($0) }
            let outcome = try await station.run(to: receiver.port)
            #expect(outcome.failure?.message == "Authentication failed")
            #expect(outcome.failure?.reason?.contains(words) == true)
            #expect(outcome.failure?.hint?.contains("GMT") == true)
            #expect(outcome.failure?.hint?.contains(hint) == true)
            #expect(station.waitingFiles == ["a", "b"])
        }
    }

    @Test("that is a Pi's own copy of the identity is refused")
    func piAsReceiver() async throws {
        let station = try station()
        let answers = Answers(identity: station.pi, pi: station.name)
        try await expectAuthenticationFailed(station, as: station.pi, words: "unsuitable certificate purpose") {
            try answers.serve($0)
        }
    }

    /// A receiver with the right certificate whose receipts are changed.
    private func expectReceiptRefused(_ change: @escaping @Sendable (Station, inout Answers.Parts) throws -> Void)
        async throws
    {
        let station = try station()
        let answers = station.answers
        try await expectAuthenticationFailed(
            station, as: station.receiver, words: "is not signed as the receiver signs"
        ) { connection in
            while true {
                let request = try connection.nextRequest()
                try connection.send(try answers.receipt(for: request) { try change(station, &$0) })
            }
        }
    }

    @Test("whose receipts are signed with a Pi's key is refused")
    func signedByPi() async throws {
        try await expectReceiptRefused { station, parts in parts.signer = station.pi }
        // The receiver's fingerprint named, the Pi's key used.
        try await expectReceiptRefused { station, parts in
            parts.signer = TestLab.Identity(certificate: parts.signer.certificate, key: station.pi.key)
        }
    }

    @Test("whose receipts are signed under another certificate of the same authority is refused")
    func signedByOther() async throws {
        try await expectReceiptRefused { station, parts in parts.signer = try station.lab.receiver() }
    }

    @Test("whose receipts are bound to another status, method, authority, path or body is refused")
    func otherRequest() async throws {
        try await expectReceiptRefused { _, parts in parts.context.path = "/v1/files/other" }
        try await expectReceiptRefused { _, parts in parts.context.method = "POST" }
        try await expectReceiptRefused { _, parts in parts.context.authority = "lab:3500" }
        try await expectReceiptRefused { _, parts in parts.context.status = 200 }
        try await expectReceiptRefused { _, parts in parts.context.requestDigest = .ofNothing }
    }

    @Test("that replays the receipt of an earlier upload is refused")
    func replay() async throws {
        let station = try station()
        let answers = station.answers
        let recorded = Store()
        try await expectAuthenticationFailed(
            station, as: station.receiver, words: "is not signed as the receiver signs"
        ) { connection in
            while true {
                let request = try connection.nextRequest()
                recorded.keep(request)
                // What was signed for the other file of this run, or one of this name with other bytes.
                let other = request.with(target: "/v1/files/\(request.target.hasSuffix("a") ? "b" : "a")")
                try connection.send(answers.receipt(for: other))
            }
        }
        #expect(!recorded.targets.isEmpty)
        try await expectAuthenticationFailed(
            station, as: station.receiver, words: "is not signed as the receiver signs"
        ) { connection in
            while true {
                let request = try connection.nextRequest()
                try connection.send(answers.receipt(for: request.with(body: Array("earlier".utf8))))
            }
        }
    }

    @Test("whose answer was changed on the way is refused: JSON, signature, covered components, other fields")
    func tampered() async throws {
        let changes: [@Sendable (String) -> String] = [
            { $0.replacingOccurrences(of: "\"size\":7", with: "\"size\":8") },
            { $0.replacingOccurrences(of: "\"created\",", with: "\"replaced\",") },
            { $0.replacingOccurrences(of: " \"@path\";req", with: "") },
            { $0.replacingOccurrences(of: " \"content-digest\";req", with: "") },
            { $0.replacingOccurrences(of: "\"@status\" ", with: "") },
            { $0.replacingOccurrences(of: "secure-receipt", with: "secure-upload") },
            { $0.replacingOccurrences(of: "Signature: receipt=:", with: "Signature: receipt=:A") },
            { $0.replacingOccurrences(of: "Signature: ", with: "X-Signature: ") },
            { $0.replacingOccurrences(of: "Signature-Input: ", with: "X-Signature-Input: ") },
            { $0.replacingOccurrences(of: "Content-Type: application/json", with: "Content-Type: text/plain") },
            { $0.replacingOccurrences(of: "Content-Digest: ", with: "X-Content-Digest: ") },
            { $0.replacingOccurrences(of: "HTTP/1.1 201", with: "HTTP/1.1 200") },
            { $0.replacingOccurrences(of: "Signature: ", with: "Signature: x\r\nSignature: ") },
        ]
        for change in changes {
            let station = try station()
            let answers = station.answers
            try await expectAuthenticationFailed(
                station, as: station.receiver, words: "is not signed as the receiver signs"
            ) { connection in
                while true {
                    let honest = String(decoding: try answers.receipt(for: try connection.nextRequest()), as: UTF8.self)
                    var changed = change(honest)
                    guard changed != honest else { throw PeerRequest.Broken() }
                    let body = changed.components(separatedBy: "\r\n\r\n")[1]
                    let length = "Content-Length: \(honest.components(separatedBy: "\r\n\r\n")[1].utf8.count)"
                    changed = changed.replacingOccurrences(of: length, with: "Content-Length: \(body.utf8.count)")
                    try connection.send(Array(changed.utf8))
                }
            }
        }
    }

    @Test("whose receipts are well signed but speak of another Pi, path, size or content moves nothing, exit 75")
    func otherContents() async throws {
        let other = try UploadPath(segments: ["other"])
        let changes: [@Sendable (inout Answers.Parts) throws -> Void] = [
            { $0.receipt = try Receipt($0.receipt, pi: PiName("pi-02")!) },
            { $0.receipt = try Receipt($0.receipt, path: other) },
            { $0.receipt = try Receipt($0.receipt, size: $0.receipt.size + 1) },
            { $0.receipt = try Receipt($0.receipt, digest: .ofNothing) },
        ]
        for change in changes {
            let station = try station()
            let answers = station.answers
            let receiver = try station.listen { connection in
                while true { try connection.send(answers.receipt(for: try connection.nextRequest(), change: change)) }
            }
            let outcome = try await station.send(to: receiver.port)
            #expect(
                outcome.errors.contains("a could not be sent: the receipt is for another Pi, path, size or content"))
            #expect(outcome.exitCode == 75)
            #expect(station.waitingFiles == ["a", "b"])
            #expect(station.sentFiles == [])
        }
    }

    @Test("whose receipt names the file in another spelling of the same letters moves nothing")
    func otherSpelling() async throws {
        let composed = "m\u{e4}rz"
        let decomposed = try UploadPath(segments: ["ma\u{308}rz"])
        let station = try Station(files: [composed: "content"])
        let answers = station.answers
        let receiver = try station.listen { connection in
            while true {
                try connection.send(
                    answers.receipt(for: try connection.nextRequest()) {
                        $0.receipt = try Receipt($0.receipt, path: decomposed)
                    })
            }
        }
        let outcome = try await station.send(to: receiver.port)
        #expect(outcome.exitCode == 75)
        #expect(station.waitingFiles == [composed])
    }

    @Test(
        "is told by its refusals: they end the run with Authentication failed",
        arguments: [Problem.authenticationFailed, .identityMismatch])
    func refusals(problem: Problem) async throws {
        let station = try station()
        let answers = station.answers
        try await expectAuthenticationFailed(
            station, as: station.receiver, words: "\(problem.status) as the test wants it"
        ) { connection in
            while true {
                _ = try connection.nextRequest()
                try connection.send(answers.problem(problem))
            }
        }
    }

    @Test("refuses the Pi's certificate with an alert that is never taken for a fault of the network")
    func refusedCertificate() async throws {
        for _ in 0..<5 {
            let station = try station()
            // More than any buffer holds, so that the refusal comes while we write.
            try station.folder.write([UInt8](repeating: 7, count: 8 << 20), to: "data/a")
            let other = try TestLab()
            try await expectAuthenticationFailed(
                station, as: station.receiver, trusting: other, words: "refuses this Pi's certificate",
                hint: "it ends on "
            ) { _ in }
        }
    }
}

extension Receipt {
    /// `other` with a part changed.
    fileprivate init(
        _ other: Receipt, pi: PiName? = nil, path: UploadPath? = nil, size: Int64? = nil, digest: SHA256Digest? = nil
    ) throws {
        self.init(
            pi: pi ?? PiName(other.pi)!, path: try path ?? UploadPath(percentEncoded: other.path),
            size: size ?? other.size,
            digest: digest ?? SHA256Digest(hex: other.sha256)!, received: 0, result: other.result)
    }
}
