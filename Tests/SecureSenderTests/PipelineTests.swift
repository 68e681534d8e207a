import Glibc
import OpenSSL
import Testing
import UploadProtocol

@testable import SecureSender

private func upload(_ name: String) throws -> Pipeline.Upload {
    Pipeline.Upload(
        file: OutgoingFile(path: try UploadPath(segments: [name]), fingerprint: Fingerprint(stat()), digest: .ofNothing)
    )
}

private func expectNoConsequence(
    _ pipeline: inout Pipeline, _ ending: Pipeline.Ending, sourceLocation: SourceLocation = #_sourceLocation
) {
    let consequence = pipeline.disconnect(ending)
    #expect(consequence == .init(), sourceLocation: sourceLocation)
}

private func names(_ uploads: [Pipeline.Upload]) -> [String] { uploads.map(\.file.path.description) }

extension Pipeline {
    /// A pipeline in which uploads of these names are under way.
    fileprivate init(sending list: String, settings: SenderSettings = SenderSettings(), isCautious: Bool = false) throws
    {
        self.init(settings: settings, isCautious: isCautious)
        for name in list { begin(try upload(String(name))) }
    }

    /// Sends all that waits, room or not.
    fileprivate mutating func restart() {
        while let upload = takeWaiting() { begin(upload) }
    }
}

@Suite("The pipeline")
struct PipelineTests {
    @Test("gives answers to uploads in the order in which they were sent")
    func order() throws {
        var pipeline = try Pipeline(sending: "abc")
        var answered = [pipeline.takeAnswered()]
        pipeline.begin(try upload("d"))
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
        pipeline.begin(try upload("b"))
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
        _ = pipeline.takeWaiting().map { pipeline.begin($0) }
        expectNoConsequence(&pipeline, .orderly)
        #expect(names(pipeline.waiting) == ["b", "c", "d"])
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
        var failed: [Pipeline.Upload] = []
        var connections = 0
        while !pipeline.unanswered.isEmpty {
            connections += 1
            while let first = pipeline.unanswered.first, first.file.path.description != "x" {
                answered += names([pipeline.takeAnswered()].compactMap { $0 })
            }
            let consequence = pipeline.disconnect(.broken)
            failed += consequence.failed
            pipeline.restart()
        }
        #expect(answered == ["a", "b", "c"])
        #expect(names(failed) == ["x"])
        #expect(connections == 3)
    }

    @Test("gives up after three connections in a row without an answer, and not when one comes between")
    func givesUp() throws {
        var pipeline = try Pipeline(sending: "abcdef")
        for _ in 0..<2 {
            expectNoConsequence(&pipeline, .broken)
            pipeline.restart()
        }
        #expect(pipeline.barrenConnections == 2)
        _ = pipeline.takeAnswered()
        expectNoConsequence(&pipeline, .broken)
        #expect(pipeline.barrenConnections == 0)
        pipeline.restart()
        for _ in 0..<2 {
            expectNoConsequence(&pipeline, .broken)
            pipeline.restart()
        }
        let last = pipeline.disconnect(.broken)
        #expect(last.givesUp)
        #expect(last.failed.count == 5)
        #expect(pipeline.waiting.isEmpty && pipeline.unanswered.isEmpty)
    }

    @Test("counts connections that could not be made")
    func unreachable() throws {
        var pipeline = try Pipeline(sending: "a")
        expectNoConsequence(&pipeline, .broken)
        expectNoConsequence(&pipeline, .broken)
        let last = pipeline.disconnect(.broken)
        #expect(names(last.failed) == ["a"])
    }

    @Test("tries a corrected time once for each upload")
    func clockSkew() throws {
        var pipeline = try Pipeline(sending: "ab")
        let answered = pipeline.takeAnswered()
        let isRetried = pipeline.retryWithCorrectedTime(try #require(answered))
        #expect(isRetried)
        #expect(names(pipeline.waiting) == ["a"])
        let waiting = pipeline.takeWaiting()
        let again = try #require(waiting)
        pipeline.begin(again)
        #expect(names(pipeline.unanswered) == ["b", "a"])
        let isRetriedAgain = pipeline.retryWithCorrectedTime(again)
        #expect(!isRetriedAgain)
        // A lost connection does not give it another try.
        _ = pipeline.disconnect(.orderly)
        #expect(pipeline.waiting.first { $0.file.path.description == "a" }?.isTimeCorrected == true)
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
