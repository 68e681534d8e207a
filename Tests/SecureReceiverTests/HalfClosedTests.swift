import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("A client that has closed its direction and waits for an answer")
struct HalfClosedTests {
    @Test("gets it, also where a stored file is read for it")
    func isAnswered() async throws {
        try await RunningReceiver.run { receiver in
            #expect(try await receiver.answer(to: receiver.request(path: "a")).status == 201)
            let announcement = UploadRequest.announcing(Array("hello".utf8), secret: receiver.secret, path: "a")
            try await receiver.connected { client in
                try client.send(announcement.bytes)
                try client.closeOutput()
                let answer = try client.response()
                #expect(answer.status == 200 && answer.member("result") == "unchanged")
            }
        }
    }

    @Test("may have left, and so is not worth the reading of a very large one: none goes on, and the log says why")
    func isNotReadFor() async throws {
        let size: UInt64 = 64 << 30
        try await RunningReceiver.run { receiver in
            for name in ["a", "b"] {
                try receiver.folder.write([], to: "received_files/pi-01/\(name)")
                let file = try FileHandle(
                    forUpdating: URL(fileURLWithPath: receiver.folder("received_files/pi-01/\(name)")))
                // Takes no room: it has no block.
                try file.truncate(atOffset: size)
                try file.close()
            }
            let announcements = ["a", "b"].flatMap { name in
                var request = UploadRequest.announcing(Array("guess".utf8), secret: receiver.secret, path: name)
                request.replace(ResumableUpload.lengthField, "\(size)")
                return request.bytes
            }
            try await receiver.connected { client in
                try client.send(announcements)
                try client.closeOutput()
                for _ in 1...2 {
                    let answer = try client.response()
                    #expect(answer.status == 429 && answer.fields["retry-after"] != nil)
                }
                #expect(try client.isClosedByServer())
            }
            let lines = receiver.log.lines
            #expect(lines.count { $0.hasPrefix("notice nobody waits any more for the reading of a stored file") } == 2)
            #expect(!lines.contains { $0.contains("storage-failed") })
        }
    }
}
