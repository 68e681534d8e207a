import TestSupport
import Testing
import UploadProtocol
import UploadStore

@Suite("A stored name")
struct NameTests {
    @Test(
        "is checked by sha256sum whatever characters it has, under its own name and among the earlier versions",
        arguments: [
            "with spaces.json", "back\\slash.json", "\\\\", "märz 2026 – 雨.csv", "e\u{301}.txt", "\\\u{301} and \\",
            " leading and trailing ", "-dash", "*?[$`\"'", String(repeating: "n", count: 240),
            String(repeating: "雨", count: 80),
        ])
    func characters(name: String) async throws {
        let lab = try StoreFixture()
        try lab.put("one".utf8, "folder/\(name)")
        try lab.put("two".utf8, "folder/\(name)")
        try await expectSumsAgree(in: "\(lab.root)/pi-01/folder", ["\(name).sha256"])
        try await expectSumsAgree(
            in: "\(lab.root)/pi-01/.versions/folder/\(name)", ["\(sha256("one".utf8)).sha256"])
    }

    @Test("may lie 16 deep, each part as long as it can be", arguments: [true, false])
    func deep(openBeneath: Bool) throws {
        let lab = try StoreFixture(features: SystemFeatures(unnamedFiles: true, openBeneath: openBeneath))
        let path = Array(repeating: String(repeating: "d", count: 240), count: 16).joined(separator: "/")
        #expect(try lab.put("one".utf8, path) == .created)
        #expect(try lab.put("two".utf8, path) == .replaced)
        #expect(try lab.put("one".utf8, path) == .unchanged)
    }

    @Test("is told from another spelling of the same Unicode text")
    func spellings() throws {
        let lab = try StoreFixture()
        #expect(try lab.put("composed".utf8, "\u{e9}/a") == .created)
        #expect(try lab.put("decomposed".utf8, "e\u{301}/a") == .created)
        #expect(try lab.read("pi-01/\u{e9}/a") == "composed")
        #expect(try lab.read("pi-01/e\u{301}/a") == "decomposed")
    }
}
