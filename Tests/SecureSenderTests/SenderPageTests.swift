import Foundation
import TestSupport
import Testing

@testable import SecureSender

@Suite("The page docs/sender.md")
struct SenderPageTests {
    private static func page() throws -> String {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/sender.md")
        return try String(contentsOf: page, encoding: .utf8)
    }

    @Test("has a row for every setting, in the order of the help, and for no other")
    func settings() throws {
        let section = try Self.page().components(separatedBy: "\n## Settings\n")[1].components(separatedBy: "\n## ")[0]
        let names = section.split(separator: "\n").filter { $0.hasPrefix("| `") }.map {
            $0.split(separator: "`")[1]
        }
        #expect(names.map { String($0) } == Setting.all.map(\.name))
    }

    @Test("has the defaults that the program has")
    func defaults() async throws {
        let help = try await Program.run("secure-sender", ["--experimental-dump-help"])
        let object = try JSONSerialization.jsonObject(with: Data(help.output.utf8)) as? [String: Any]
        let arguments = (object?["command"] as? [String: Any])?["arguments"] as? [[String: Any]] ?? []
        var defaults: [String: String] = [:]
        for argument in arguments {
            guard let name = (argument["preferredName"] as? [String: Any])?["name"] as? String else { continue }
            defaults[name] = argument["defaultValue"] as? String
        }
        #expect(defaults.count > 5)
        for row in try Self.page().split(separator: "\n").filter({ $0.hasPrefix("| `") }) {
            let cells = row.split(separator: "|").map { $0.split(separator: "`").dropFirst().first.map { String($0) } }
            guard let name = cells[0], let value = defaults[name] else { continue }
            #expect(cells[1] == value, "\(name)")
        }
    }

    @Test("has an example of a configuration file that is one")
    func example() throws {
        let example = try Self.page().components(separatedBy: "```toml\n")[1].components(separatedBy: "```")[0]
        let file = try ConfigurationFile(parsing: Array(example.utf8), path: "example")
        #expect(file.settings.count == 5)
    }
}
