import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@Suite("A verification of a store")
struct VerificationTests {
    /// Two Pis, folders, an earlier version, and names that are hard to compare.
    private static func filled() throws -> StoreFixture {
        let lab = try StoreFixture()
        for (content, path, pi) in [
            ("one", "a", "pi-01"), ("two", "2026/b", "pi-01"), ("", "empty", "pi-01"), ("old", "c", "pi-01"),
            ("new", "c", "pi-01"), ("one", "a", "pi-02"), ("x", "back\\slash", "pi-02"),
            ("y", "\u{301}x/e\u{301}", "pi-02"),
        ] { try lab.put(content.utf8, path, pi: pi) }
        return lab
    }

    private static let earlier = "pi-01/.versions/c/\(sha256("old".utf8))"

    @Test("that is sound finds nothing, and counts what it read")
    func sound() throws {
        let lab = try Self.filled()
        let (findings, summary) = try lab.verify()
        #expect(findings == [])
        #expect(summary.sound == 8)
        #expect(summary.bytes == 17)
        #expect(summary.faults + summary.unreadable + summary.underWay + summary.notOurs == 0)
        #expect(try lab.verify(only: "pi-02").summary.sound == 3)
        #expect(throws: (any Error).self) { try lab.verify(only: "pi-03") }
    }

    @Test("leaves alone what is not ours")
    func foreign() throws {
        let lab = try Self.filled()
        for name in [
            "old.json", "old.json.sha256", "Archive/x", "Archive/deep/y", "pi-01/.DS_Store", "pi-01/2026/.hidden/z",
            "alone.sha256",
        ] {
            try lab.folder.write(
                Array("\(String(repeating: "0", count: 64))  ./x\n".utf8), to: "received_files/\(name)")
        }
        symlink("/", "\(lab.root)/Archive/link")
        let (findings, summary) = try lab.verify()
        #expect(findings == [])
        #expect(summary.sound == 8)
        #expect(summary.notOurs == 7)
    }

    struct Damage: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let expected: [String]
        let make: @Sendable (StoreFixture) throws -> Void

        init(_ what: String, _ expected: [String], _ make: @escaping @Sendable (StoreFixture) throws -> Void) {
            testDescription = what
            self.expected = expected
            self.make = make
        }
    }

    static let damages: [Damage] = [
        Damage("another content of the same size", ["content-changed: pi-01/a"]) {
            try $0.folder.write("onE".utf8, to: "received_files/pi-01/a")
        },
        Damage("a truncated file", ["size-changed: pi-01/2026/b"]) {
            try $0.folder.write([], to: "received_files/pi-01/2026/b")
        },
        Damage("a file of a terabyte", ["size-changed: pi-01/a"]) { truncate("\($0.root)/pi-01/a", 1 << 40) },
        Damage("a removed file", ["file-missing: pi-02/back\\slash"]) { unlink("\($0.root)/pi-02/back\\slash") },
        Damage("a removed earlier version", ["file-missing: \(earlier)"]) { unlink("\($0.root)/\(earlier)") },
        Damage("a removed receipt", ["receipt-missing: pi-01/a"]) { unlink("\($0.root)/pi-01/a.sha256") },
        Damage("an empty receipt", ["receipt-damaged: pi-01/a"]) { truncate("\($0.root)/pi-01/a.sha256", 0) },
        Damage("a receipt of a gigabyte", ["receipt-damaged: pi-01/a"]) {
            truncate("\($0.root)/pi-01/a.sha256", 1 << 30)
        },
        Damage("a damaged receipt, its file removed", ["file-missing: pi-01/a"]) {
            truncate("\($0.root)/pi-01/a.sha256", 1 << 30)
            unlink("\($0.root)/pi-01/a")
        },
        Damage("a renamed file", ["file-missing: pi-01/a", "receipt-missing: pi-01/b"]) {
            rename("\($0.root)/pi-01/a", "\($0.root)/pi-01/b")
        },
        Damage("a renamed receipt", ["misplaced: pi-01/b", "receipt-missing: pi-01/a"]) {
            rename("\($0.root)/pi-01/a.sha256", "\($0.root)/pi-01/b.sha256")
        },
        Damage("a file that was moved with its receipt", ["misplaced: pi-01/2026/a"]) {
            try $0.move("pi-01/a", "pi-01/2026/a")
        },
        Damage("a file of another Pi", ["misplaced: pi-02/2026"]) { try $0.move("pi-01/a", "pi-02/2026") },
        Damage("a file in no Pi's folder", ["misplaced: Archive/a"]) {
            try FileManager.default.createDirectory(atPath: "\($0.root)/Archive", withIntermediateDirectories: false)
            try $0.move("pi-01/a", "Archive/a")
        },
        Damage(
            "a Pi's folder under another name",
            ["misplaced: Other/a", "misplaced: Other/back\\slash", "misplaced: Other/\u{301}x/e\u{301}"]
        ) {
            rename("\($0.root)/pi-02", "\($0.root)/Other")
        },
        Damage("two receipts that changed places", ["misplaced: pi-01/2026/b", "misplaced: pi-01/a"]) {
            rename("\($0.root)/pi-01/a.sha256", "\($0.root)/x")
            rename("\($0.root)/pi-01/2026/b.sha256", "\($0.root)/pi-01/a.sha256")
            rename("\($0.root)/x", "\($0.root)/pi-01/2026/b.sha256")
        },
        Damage("the receipts of two Pis for one content", ["misplaced: pi-01/a"]) {
            try FileManager.default.removeItem(atPath: "\($0.root)/pi-01/a.sha256")
            try FileManager.default.copyItem(atPath: "\($0.root)/pi-02/a.sha256", toPath: "\($0.root)/pi-01/a.sha256")
        },
        Damage("an earlier version brought back by hand", ["misplaced: pi-01/c", "receipt-missing: \(earlier)"]) {
            rename("\($0.root)/\(earlier).sha256", "\($0.root)/pi-01/c.sha256")
        },
        Damage("a file put there by hand", ["receipt-missing: pi-01/2026/z"]) {
            try $0.folder.write("z".utf8, to: "received_files/pi-01/2026/z")
        },
        Damage("a file put there by hand, then replaced", ["not-uploaded: pi-01/.versions/z/\(sha256("z".utf8))"]) {
            try $0.folder.write("z".utf8, to: "received_files/pi-01/z")
            try $0.put("other".utf8, "z")
        },
        Damage("a link in a file's place", ["not-a-file: pi-01/a"]) {
            unlink("\($0.root)/pi-01/a")
            symlink("\($0.root)/pi-02/a", "\($0.root)/pi-01/a")
        },
        Damage("a FIFO in a receipt's place", ["not-a-file: pi-01/a.sha256", "receipt-missing: pi-01/a"]) {
            unlink("\($0.root)/pi-01/a.sha256")
            mkfifo("\($0.root)/pi-01/a.sha256", 0o600)
        },
        Damage("a link to a Pi's folder", ["not-a-file: pi-03"]) { symlink("pi-01", "\($0.root)/pi-03") },
        Damage("a link to the earlier versions", ["not-a-file: pi-01/.versions"]) {
            rename("\($0.root)/pi-01/.versions", "\($0.root)/pi-01/.elsewhere")
            symlink(".elsewhere", "\($0.root)/pi-01/.versions")
        },
        Damage("a folder in a receipt's place", ["impossible-name: pi-01/a.sha256", "receipt-missing: pi-01/a"]) {
            unlink("\($0.root)/pi-01/a.sha256")
            mkdir("\($0.root)/pi-01/a.sha256", 0o700)
        },
        Damage(
            "folders that are too deep",
            ["impossible-name: pi-01/\(Array(repeating: "d", count: 16).joined(separator: "/"))"]
        ) {
            let deep = "\($0.root)/pi-01/" + Array(repeating: "d", count: 200).joined(separator: "/")
            try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
        },
        Damage("a name that is not UTF-8", ["impossible-name: pi-01/\\xff\\x5cn"]) {
            close(open("\($0.root)/pi-01/".utf8CString.dropLast() + [-1, 0x5c, 0x6e, 0], O_CREAT | O_WRONLY, 0o600))
        },
        Damage("a name of 255 bytes", ["receipt-missing: pi-01/\(String(repeating: "n", count: 255))"]) {
            try $0.folder.write([], to: "received_files/pi-01/\(String(repeating: "n", count: 255))")
        },
    ]

    @Test("finds", arguments: damages)
    func finds(damage: Damage) throws {
        let lab = try Self.filled()
        try damage.make(lab)
        #expect(try lab.findings() == damage.expected.sorted())
    }

    @Test("reports a file of which it cannot know who signed, and says why")
    func certificates() throws {
        let lab = try Self.filled()
        let all = try lab.verify(only: "pi-02")
        #expect(all.findings == [])
        let name = "certs/\(try receiver.get().certificate.fingerprint).pem"
        let others = try TestLab()
        for content in [
            "nothing", try receiver.get().certificate.pem.replacing("M", with: "N"),
            try others.receiver().certificate.pem, try others.pi("pi-01").certificate.pem,
        ] {
            try lab.folder.write(Array(content.utf8), to: name)
            #expect(try lab.findings(only: "pi-02").count { $0.hasPrefix("certificate-unusable: ") } == 3)
        }
        unlink(lab.folder(name))
        #expect(try lab.findings(only: "pi-02").count { $0.hasPrefix("certificate-unusable: ") } == 3)
    }

    @Test("believes no receipt that a Pi signed, even if its certificate lies among the receivers'")
    func signedByPi() throws {
        let lab = try StoreFixture()
        let pi = try TestLab().pi("pi-01")
        let upload = try lab.store.receive("forged".utf8, "a")
        _ = try lab.store.commit(upload, modified: nil) { try signReceipt(for: upload, result: $0, by: pi) }
        _ = try lab.verify()
        try lab.folder.write(Array(pi.certificate.pem.utf8), to: "certs/\(pi.certificate.fingerprint).pem")
        #expect(try lab.findings() == ["certificate-unusable: pi-01/a"])
    }
}

extension StoreFixture {
    func move(_ from: String, _ to: String) throws {
        rename("\(root)/\(from)", "\(root)/\(to)")
        rename("\(root)/\(from).sha256", "\(root)/\(to).sha256")
    }
}
