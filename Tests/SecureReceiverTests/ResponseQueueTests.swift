import Testing

@testable import SecureReceiver

@Suite("A queue of responses")
struct ResponseQueueTests {
    private func response(_ text: String) -> Response { Response(status: 200, body: Array(text.utf8)) }

    @Test("gives them out in the order of the requests, whichever is ready first")
    func keepsOrder() {
        var queue = ResponseQueue()
        let slots = (0..<3).map { _ in queue.append() }
        queue.complete(slots[2], with: response("2"))
        #expect(queue.next() == nil)
        queue.complete(slots[0], with: response("0"))
        #expect(queue.next() == .response(response("0")))
        #expect(queue.next() == nil)
        queue.complete(slots[1], with: response("1"))
        #expect(queue.next() == .response(response("1")))
        #expect(queue.next() == .response(response("2")))
        #expect(queue.isEmpty)
    }

    @Test("tells a client to go ahead once, when the responses before are out")
    func goesAhead() {
        var queue = ResponseQueue()
        let first = queue.append()
        let second = queue.append(wantsGoAhead: true)
        #expect(queue.next() == nil)
        queue.complete(first, with: response("0"))
        #expect(queue.next() == .response(response("0")))
        #expect(queue.next() == .goAhead)
        #expect(queue.next() == nil)
        queue.complete(second, with: response("1"))
        #expect(queue.next() == .response(response("1")))
    }

    @Test("never tells it to go ahead if the response is there already")
    func skipsGoAhead() {
        var queue = ResponseQueue()
        let slot = queue.append(wantsGoAhead: true)
        queue.complete(slot, with: response("no"))
        #expect(queue.next() == .response(response("no")))
    }

    @Test("drops a second response to one request, and a late one to a request that is gone")
    func dropsSecond() {
        var queue = ResponseQueue()
        let slot = queue.append()
        queue.complete(slot, with: response("first"))
        queue.complete(slot, with: response("second"))
        #expect(queue.next() == .response(response("first")))
        queue.complete(slot, with: response("late"))
        #expect(queue.next() == nil)
    }
}
