import CommandSupport
import Files
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("provision list")
struct ListTests {
    let lab: TestDeployment
    private let day: Int64 = 86_400

    init() throws {
        lab = try TestDeployment()
    }

    @Test("shows when each Pi was made, until when it counts, and whether ids.txt has it")
    func table() throws {
        try lab.newPi("pi-10")
        try lab.newPi("pi-9")
        let made = date(TestDeployment.now)
        let end = date(TestDeployment.now + 3648 * day)
        #expect(
            try lab.list().lines(inColours: false) == [
                "name   made        certificate until  ids.txt",
                "pi-9   \(made)  \(end)         yes",
                "pi-10  \(made)  \(end)         yes",
                "2 Pis",
            ])
    }

    @Test("lets stand out what ends soon, has ended, is revoked or lacks something")
    func standsOut() throws {
        for name in ["ok", "revoked", "rotated", "unlisted", "gone", "broken"] { try lab.newPi(name) }
        try lab.newPi("soon", wishes: CertificateWishes(days: 12))
        try lab.newPi("over", wishes: CertificateWishes(days: 3))
        try lab.revoke("revoked")
        try lab.rotate("rotated")
        try removeTree(lab.folder("pis/gone"))
        try lab.folder.write([], to: "pis/broken/pi.pem")
        let lines = try lab.text("ids.txt").split(separator: "\n").filter { !$0.hasSuffix(" unlisted") }
        try lab.folder.write((lines.joined(separator: "\n") + "\n").utf8, to: "ids.txt")
        let list = try lab.list(now: TestDeployment.now + 2 * day)
        let words = Dictionary(uniqueKeysWithValues: list.pis.map { ($0.name.text, $0.state(now: list.now).words) })
        let expected: [String: String?] = [
            "ok": nil, "revoked": "revoked on \(date(TestDeployment.now))", "rotated": "2 secrets count",
            "unlisted": "NOT IN ids.txt", "gone": "no folder in pis/", "broken": "NO CERTIFICATE in its folder",
            "soon": "EXPIRES in 8 days", "over": "EXPIRED",
        ]
        #expect(words == expected)
        let plain = list.lines(inColours: false)
        #expect(
            plain.last == """
                8 Pis: 1 expired, 1 about to expire, 1 revoked, 1 not in ids.txt, 1 without a folder, 1 without a \
                certificate, 1 with several secrets
                """)
        #expect(!plain.joined().contains("\u{1B}"))
        let coloured = list.lines(inColours: true).filter { $0.contains("\u{1B}") }
        #expect(coloured.count == 6)
        #expect(coloured.allSatisfy { $0.hasSuffix("\u{1B}[0m") })
    }

    @Test("says the same to programs")
    func json() async throws {
        try lab.newPi("north")
        try lab.newPi("south")
        try lab.revoke("south")
        let outcome = try await Program.run("provision", ["list", "--json"], in: lab.folder.path)
        let pis = try JSONDecoder().decode([Record].self, from: Data(outcome.output.utf8))
        #expect(pis.map(\.name) == ["north", "south"])
        #expect(pis.map(\.state) == ["ok", "revoked"])
        #expect(pis.map(\.secrets) == [1, 0])
        #expect(pis[0].revoked == nil && pis[1].revoked == date(TestDeployment.now))
        #expect(pis[0].certificateUntil?.hasSuffix("Z") == true && pis[0].certificateFingerprint?.count == 64)
    }

    private struct Record: Decodable {
        let name: String
        let state: String
        let secrets: Int
        let revoked: String?
        let certificateUntil: String?
        let certificateFingerprint: String?
    }

    @Test("has colours on a terminal alone, and never where NO_COLOR is set")
    func colours() async throws {
        try lab.newPi("north")
        try lab.revoke("north")
        let command = "'\(Program.path("provision"))' list"
        let file = try await Program.run("provision", ["list"], in: lab.folder.path, environment: ["TERM": "xterm"])
        #expect(!file.output.contains("\u{1B}"))
        for (noColor, expected) in [("", true), ("1", false)] {
            let terminal = try await Program.run(
                "/usr/bin/script", ["-qec", command, "/dev/null"], in: lab.folder.path,
                environment: ["TERM": "xterm", "NO_COLOR": noColor])
            #expect(terminal.output.contains("\u{1B}[31mnorth") == expected, "\(terminal.output)")
        }
    }

    @Test("works where there is no Pi, and says where there is no deployment")
    func empty() async throws {
        let nowhere = try await Program.run("provision", ["list"], in: lab.folder.path)
        #expect(nowhere.exitCode == 78)
        #expect(nowhere.errors.hasPrefix("ids.txt is missing: this folder holds no deployment"))
        #expect(try namesInFolder(lab.folder.path) == [])
        try lab.initialize()
        #expect(try lab.list().lines(inColours: true) == ["There is no Pi yet. One is made by: provision new-pi"])
    }

    @Test("orders names as people count, and finds those that resemble one")
    func names() {
        let names = ["pi-100", "pi-9", "pi-010", "pi-10", "a", "pi", "pi-1a", "pi-1"]
        #expect(
            names.sorted { $0.isOrdered(before: $1) } == [
                "a", "pi", "pi-1", "pi-1a", "pi-9", "pi-010", "pi-10", "pi-100",
            ])
        let known = ["greenhouse", "pi-01", "pi-02"].compactMap { PiName($0) }
        #expect(PiName("grenhouse")!.similar(in: known).map(\.text) == ["greenhouse"])
        #expect(PiName("pi-1")!.similar(in: known).first?.text == "pi-01")
        #expect(PiName("cellar")!.similar(in: known) == [])
    }
}
