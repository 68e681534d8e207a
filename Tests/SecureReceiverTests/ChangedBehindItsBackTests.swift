import Foundation
import TestSupport
import Testing

@testable import SecureReceiver

@Suite("A running receiver whose own folder somebody changes")
struct ChangedBehindItsBackTests {
    private static let body = PartsTests.body

    @Test("goes on when it is removed: files are stored, files in parts begin anew, and the log says so")
    func isRemoved() async throws {
        try await RunningReceiver.run { receiver in
            let location = try #require(try await receiver.announce(Self.body, "a").fields["location"])
            let part = receiver.part(Self.body[..<1000], of: location)
            #expect(try await receiver.answer(to: part).status == 204)
            try FileManager.default.removeItem(atPath: receiver.folder("received_files/.receiver"))

            #expect(try await receiver.answer(to: receiver.request(path: "b")).status == 201)
            let warnings = receiver.log.lines.filter { $0.hasPrefix("warning the store's own folder was changed") }
            #expect(warnings.count == 1)
            #expect(warnings.first?.contains(receiver.folder("received_files/.receiver")) == true)
            let rest = receiver.part(Self.body[1000...], of: location, isLast: true)
            #expect(try await receiver.answer(to: rest).code == "not-found")
            #expect(try await receiver.announce(Self.body, "a").fields["upload-offset"] == "0")
            let whole = receiver.part(Self.body[...], of: location, isLast: true)
            #expect(try await receiver.answer(to: whole).status == 201)
            #expect(try receiver.folder.read("received_files/pi-01/a") == Self.body)
        }
    }

    @Test(
        "sets a folder aside that lies where a file in parts goes, and the log says where to", arguments: ["", ".note"])
    func isInTheWay(suffix: String) async throws {
        try await RunningReceiver.run { receiver in
            let location = try #require(try await receiver.announce(Self.body, "a").fields["location"])
            let name = "received_files/.receiver/partials/pi-01/\(location.split(separator: "/").last ?? "")\(suffix)"
            try FileManager.default.removeItem(atPath: receiver.folder(name))
            try receiver.folder.write([1], to: "\(name)/mine")

            #expect(try await receiver.announce(Self.body, "a").status == 201)
            let whole = receiver.part(Self.body[...], of: location, isLast: true)
            #expect(try await receiver.answer(to: whole).status == 201)
            let warnings = receiver.log.lines.filter { $0.hasPrefix("warning something else lay where") }
            #expect(warnings.count == 1)
            #expect(warnings.first?.contains(".set-aside-") == true)
            #expect(receiver.partials.count == 1 && receiver.partials.first?.hasSuffix("/mine") == true)
        }
    }

    @Test("takes the blame where something has the name of a folder of its own, and goes on when that is gone")
    func isObstructed() async throws {
        try await RunningReceiver.run { receiver in
            let path = receiver.folder("received_files/.receiver/partials")
            #expect(mkfifo(path, 0o600) == 0)
            let refused = try await receiver.announce(Self.body, "a")
            #expect(refused.status == 500 && refused.code == "storage-failed")
            let line = receiver.log.lines.first { $0.hasPrefix("error ") }
            #expect(line?.contains("\(path) is not the folder that the receiver keeps there; move it away") == true)
            try FileManager.default.removeItem(atPath: path)
            #expect(try await receiver.announce(Self.body, "a").status == 201)
        }
    }
}
