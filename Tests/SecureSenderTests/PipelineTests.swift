import Glibc
import OpenSSL
import Testing
import UploadProtocol

@testable import SecureSender

/// `size`: bytes.
private func upload(_ name: String, size: Int = 0) throws -> Upload {
    var status = stat()
    status.st_size = size
    return Upload(
        file: OutgoingFile(path: try UploadPath(segments: [name]), fingerprint: Fingerprint(status), digest: .ofNothing)
    )
}

private func part(of upload: Upload) -> Exchange {
    let part = FilePart(offset: 0, size: upload.file.size, digest: .ofNothing, isLast: true)
    return Exchange(upload: upload, request: .part(part), begun: .now)
}

private func put(_ upload: Upload) -> Exchange { Exchange(upload: upload, request: .put, begun: .now) }

private func expectNoConsequence(
    _ pipeline: inout Pipeline, _ ending: Pipeline.Ending, sourceLocation: SourceLocation = #_sourceLocation
) {
    let consequence = pipeline.disconnect(ending)
    #expect(consequence == .init(), sourceLocation: sourceLocation)
}

private func names(_ uploads: [Upload]) -> [String] { uploads.map(\.file.path.description) }

extension Pipeline {
    fileprivate var hasRoom: Bool { hasRoom(for: 0, within: .max) }

    /// A pipeline in which uploads of these names are under way.
    fileprivate init(sending list: String, settings: SenderSettings = SenderSettings(), isCautious: Bool = false) throws
    {
        self.init(settings: settings, isCautious: isCautious)
        for name in list { begin(put(try upload(String(name)))) }
    }

    fileprivate mutating func takeNext() -> Upload? {
        guard let upload = nextWaiting(hasNew: false, where: { _ in true }) else { return nil }
        takeWaiting(upload)
        return upload
    }

    /// Sends all that waits, room or not.
    fileprivate mutating func restart() {
        while let upload = takeNext() { begin(put(upload)) }
    }
}

@Suite("The pipeline")
struct PipelineTests {
    @Test("gives answers to uploads in the order in which they were sent")
    func order() throws {
        var pipeline = try Pipeline(sending: "abc")
        var answered = [pipeline.takeAnswered()]
        pipeline.begin(put(try upload("d")))
        for _ in 0..<4 { answered.append(pipeline.takeAnswered()) }
        #expect(answered.map { $0?.file.path.description } == ["a", "b", "c", "d", nil])
    }

    @Test("has room for as many as its limit says, and for one while it feels its way")
    func room() throws {
        var settings = SenderSettings()
        settings.requestsInFlight = 2
        var pipeline = try Pipeline(sending: "a", settings: settings, isCautious: true)
        #expect(!pipeline.hasRoom)
        pipeline.proceed()
        #expect(pipeline.hasRoom)
        pipeline.begin(put(try upload("b")))
        #expect(!pipeline.hasRoom)
        pipeline.proceed()
        #expect(!pipeline.hasRoom)
    }

    @Test("risks one upload after a connection broke, then more with each answer, then with each windowful")
    func window() {
        var window = Window(most: 8, isCautious: false)
        #expect(window.size == 8)
        window.shrink(answers: 12)
        #expect(window.size == 1)
        var sizes: [Int] = []
        for _ in 0..<20 {
            window.grow()
            sizes.append(window.size)
        }
        #expect(sizes == [2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 7])
        for _ in 0..<100 { window.grow() }
        #expect(window.size == 8)
        window.shrink(answers: 0)
        #expect(window.size == 1)
    }

    @Test("sends the unanswered again when the connection ends in an orderly way, in their order, before anything new")
    func orderlyEnd() throws {
        var pipeline = try Pipeline(sending: "abcd")
        _ = pipeline.takeAnswered()
        expectNoConsequence(&pipeline, .orderly)
        #expect(names(pipeline.waiting) == ["b", "c", "d"])
        #expect(pipeline.unanswered.isEmpty)
        _ = pipeline.takeNext().map { pipeline.begin(put($0)) }
        expectNoConsequence(&pipeline, .orderly)
        #expect(names(pipeline.waiting) == ["b", "c", "d"])
    }

    @Test("begins a file in parts that could not be written again when all its parts are answered, others before")
    func unwrittenParts() throws {
        let (large, other) = (try upload("large", size: 2), try upload("other", size: 1))
        var pipeline = try Pipeline(sending: "")
        for _ in 0..<2 { pipeline.begin(part(of: large)) }
        _ = pipeline.takeAnswered()
        _ = pipeline.putBehind(large)
        #expect(pipeline.nextWaiting(hasNew: false) { _ in true } == nil)
        _ = pipeline.putBehind(other)
        #expect(pipeline.nextWaiting(hasNew: false) { _ in true } == other)
        #expect(pipeline.nextWaiting(hasNew: true) { _ in true } == nil)
        _ = pipeline.takeAnswered()
        #expect(pipeline.nextWaiting(hasNew: false) { _ in true } == large)
        // While others have their turn.
        #expect(pipeline.nextWaiting(hasNew: false) { $0 != large } == other)
        pipeline.takeWaiting(other)
        #expect(names(pipeline.behind) == ["large"])
    }

    @Test("puts the file on which a connection broke behind the others")
    func cut() throws {
        var pipeline = try Pipeline(sending: "abc")
        _ = pipeline.takeAnswered()
        expectNoConsequence(&pipeline, .broken)
        #expect(names(pipeline.waiting) == ["c", "b"])
    }

    @Test("lets the others through, and leaves out a file on which every connection breaks")
    func poisonedFile() throws {
        var pipeline = try Pipeline(sending: "xabc")
        var answered: [String] = []
        var failed: [Upload] = []
        var connections = 0
        while !pipeline.unanswered.isEmpty {
            connections += 1
            while let first = pipeline.unanswered.first, first.file.path.description != "x" {
                answered += names([pipeline.takeAnswered()?.upload].compactMap { $0 })
            }
            let consequence = pipeline.disconnect(.broken)
            failed += [consequence.failed].compactMap { $0 }
            pipeline.restart()
        }
        #expect(answered == ["a", "b", "c"])
        #expect(names(failed) == ["x"])
        #expect(connections == SenderSettings().breaksOfOneFile)
    }

    @Test("limits the bytes that are under way, but for one request that is always possible")
    func bytes() throws {
        var pipeline = Pipeline(settings: SenderSettings())
        #expect(pipeline.hasRoom(for: 1000, within: 10))
        pipeline.begin(put(try upload("a", size: 1000)))
        #expect(!pipeline.hasRoom(for: 1, within: 1000))
        #expect(pipeline.hasRoom(for: 1, within: 1001))
        pipeline.begin(put(try upload("b", size: 500)))
        _ = pipeline.takeAnswered()
        #expect(pipeline.hasRoom(for: 500, within: 1000))
        #expect(!pipeline.hasRoom(for: 501, within: 1000))
        _ = pipeline.disconnect(.orderly)
        #expect(pipeline.hasRoom(for: 1000, within: 1000))
    }

    @Test("limits whole files further where little gets through, but not for what goes in parts")
    func bytesAtRisk() throws {
        var pipeline = Pipeline(settings: SenderSettings())
        pipeline.begin(part(of: try upload("large", size: 1000)))
        #expect(pipeline.hasRoom(forFile: 100, within: 2000, risking: 100))
        pipeline.begin(put(try upload("a", size: 60)))
        #expect(pipeline.hasRoom(forFile: 40, within: 2000, risking: 100))
        #expect(!pipeline.hasRoom(forFile: 41, within: 2000, risking: 100))
        #expect(!pipeline.hasRoom(forFile: 40, within: 1099, risking: 100))
        #expect(pipeline.hasRoom(for: 940, within: 2000))
        _ = pipeline.takeAnswered()
        _ = pipeline.takeAnswered()
        pipeline.begin(part(of: try upload("large", size: 1000)))
        #expect(pipeline.hasRoom(forFile: 100, within: 2000, risking: 100))
        _ = pipeline.disconnect(.orderly)
        #expect(pipeline.hasRoom(forFile: 200, within: 100, risking: 100), "one always may")
    }

    @Test("names the file in parts on which a connection broke, and forgets its requests")
    func parts() throws {
        var pipeline = Pipeline(settings: SenderSettings())
        let large = try upload("large", size: 100)
        pipeline.begin(Exchange(upload: large, request: .announce, begun: .now))
        pipeline.begin(put(try upload("a")))
        let consequence = pipeline.disconnect(.broken)
        #expect(consequence == .init(suspect: large.file))
        #expect(names(pipeline.waiting) == ["a"])
    }

    @Test("blames nobody where a request was answered by a cut, and sends it again")
    func putBack() throws {
        var pipeline = try Pipeline(sending: "ab")
        let answered = pipeline.takeAnswered()
        pipeline.putBack(try #require(answered))
        expectNoConsequence(&pipeline, .broken)
        #expect(names(pipeline.waiting) == ["b", "a"])
    }

    @Test("takes back the upload whose file has changed, and sends the others again")
    func abandoned() throws {
        var pipeline = try Pipeline(sending: "abc")
        let abandoned = pipeline.abandonLast()
        #expect(abandoned?.file.path.description == "c")
        expectNoConsequence(&pipeline, .orderly)
        #expect(names(pipeline.waiting) == ["a", "b"])
    }
}
