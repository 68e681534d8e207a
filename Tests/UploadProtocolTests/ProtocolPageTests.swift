import Foundation
import Testing
import UploadProtocol

@Suite("The page docs/protocol.md")
struct ProtocolPageTests {
    /// Rows of its table of refusals, as `| status | code |`.
    private static func rows() throws -> [String] {
        let page = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("docs/protocol.md")
        let rows = try String(contentsOf: page, encoding: .utf8).split(separator: "\n")
            .map { $0.split(separator: "|", maxSplits: 2, omittingEmptySubsequences: true) }
            .filter { $0.count == 3 && Int($0[0].trimmingCharacters(in: .whitespaces)) != nil }
        return rows.map { "|\($0[0])|\($0[1])|" }
    }

    @Test("names every refusal with its status")
    func namesEveryRefusal() throws {
        let rows = try Self.rows()
        for problem in Problem.allCases {
            #expect(rows.contains("| \(problem.status) | `\(problem.code)` |"), "there is no row for \(problem.code)")
        }
    }

    @Test("names no refusal that does not exist")
    func namesNoOther() throws {
        #expect(try Self.rows().count == Problem.allCases.count)
    }
}
