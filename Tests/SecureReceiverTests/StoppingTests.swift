import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("A receiver that is told to stop")
struct StoppingTests {
    @Test("ends the upload that is under way, closes idle connections, and stops")
    func endsWhatIsUnderWay() async throws {
        try await RunningReceiver.run { receiver in
            var request = receiver.request()
            request.fields = [("Expect", "100-continue")]
            let upload = request
            let (underWay, stopped) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            async let idle = receiver.connected { client in
                // An answered request shows that the connection is open, not on its way in.
                try client.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                _ = try client.response()
                underWay.signal()
                return try client.rest()
            }
            async let busy = receiver.connected { client in
                try client.send(upload.head.utf8)
                let interim = try client.response().status
                underWay.signal()
                stopped.wait()
                try client.send(upload.body)
                return (interim, try client.response(), try client.rest())
            }
            try await blocking {
                underWay.wait()
                underWay.wait()
            }
            await receiver.stop()
            #expect(try await idle == "")
            stopped.signal()
            let (interim, answer, rest) = try await busy
            #expect(interim == 100)
            #expect(answer.status == 201)
            #expect(rest == "")
            #expect(receiver.stored == ["pi-01/a.json", "pi-01/a.json.sha256"])
        }
    }

    @Test("turns new requests down with 503 and Retry-After, and ends the upload before them")
    func turnsNewRequestsDown() async throws {
        try await RunningReceiver.run { receiver in
            var request = receiver.request()
            request.fields = [("Expect", "100-continue")]
            let upload = request
            let (underWay, stopped) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            async let answers = receiver.connected { client in
                try client.send(upload.head.utf8)
                _ = try client.response()
                underWay.signal()
                stopped.wait()
                // In one record, so that the second is there before the first is answered.
                try client.send(upload.body + receiver.request(path: "b.json").bytes)
                return [try client.response(), try client.response()]
            }
            try await blocking { underWay.wait() }
            await receiver.stop()
            try await receiver.log.waitForLine("info stopping")
            stopped.signal()
            let both = try await answers
            #expect(both.map(\.status) == [201, 503])
            #expect(both[1].code == "draining")
            #expect(both[1].fields["retry-after"] == "5")
            #expect(receiver.stored == ["pi-01/a.json", "pi-01/a.json.sha256"])
        }
    }

    @Test("does not wait longer than its time for a client that does not go on")
    func isNotHeldUp() async throws {
        // On a busy machine the stop may take longer to come than a body may.
        var limits = ClientLimits()
        limits.bodyRate = 0
        try await RunningReceiver.run(drainSeconds: 0, limits: limits) { receiver in
            var request = receiver.request()
            request.fields = [("Expect", "100-continue")]
            let upload = request
            try await receiver.connected { client in
                try client.send(upload.head.utf8)
                _ = try client.response()
                Task { await receiver.stop() }
                // The receiver closes over our head: an end or a reset, but no answer.
                #expect(throws: (any Error).self) { try client.response() }
            }
            #expect(receiver.stored.isEmpty)
        }
    }

    @Test("nor for the reading of a large stored file; what came, and was to take its place, is kept")
    func isNotHeldUpByReading() async throws {
        let folder = try TemporaryFolder()
        try folder.write([], to: "received_files/pi-01/a")
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: folder("received_files/pi-01/a")))
        // Takes no room: it has no block.
        try file.truncate(atOffset: 64 << 30)
        try file.close()
        try await RunningReceiver.run(drainSeconds: 1, resumableAbove: 0, folder: folder) { receiver in
            let request = receiver.request(path: "a")
            try await receiver.connected { client in
                try client.send(request.bytes)
                waitUntilOpenHere(folder("received_files/pi-01/a"))
                Task { await receiver.stop() }
                #expect(throws: (any Error).self) { try client.response() }
            }
        }
        let stored = folder.files(below: "received_files")
        #expect(stored.count == 4 && stored.contains("pi-01/a"))
        let kept = try #require(stored.first { $0.hasPrefix(".receiver/partials/pi-01/") && !$0.hasSuffix(".note") })
        #expect(try folder.read("received_files/\(kept)") == Array("hello".utf8))
    }

    /// Until this process has that file open, as proc(5) shows.
    private func waitUntilOpenHere(_ path: String) {
        let files = FileManager.default
        while true {
            let descriptors = (try? files.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
            let paths = descriptors.map { try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)") }
            if paths.contains(path) { return }
            usleep(1000)
        }
    }
}
