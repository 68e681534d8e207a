/// Which requests are under way, and what becomes of them when the connection ends. It knows neither sockets nor time.
struct Pipeline {
    private let mostBreaks: Int

    /// Sent, at least in part, and not answered; answers come in this order.
    private(set) var unanswered: [Exchange] = []
    /// Files to be sent again, before anything new.
    private(set) var waiting: [Upload] = []
    /// Files to be sent again, after all others: the receiver could not write them.
    private(set) var behind: [Upload] = []
    private let mostBehind: Int
    /// What it could not write since it last stored something.
    private var unwrittenInARow = 0
    private var bytesInFlight: Int64 = 0
    /// Of whole files alone, of which nothing counts if they do not arrive.
    private var bytesAtRisk: Int64 = 0
    private var answersOnConnection = 0
    private var window: Window

    /// `isCautious`: begins with one request, because the receiver may not take our time.
    init(settings: SenderSettings, isCautious: Bool = false) {
        mostBreaks = settings.breaksOfOneFile
        mostBehind = settings.requestsInFlight
        window = Window(most: settings.requestsInFlight, isCautious: isCautious)
    }

    /// Whether a request with a body of `bytes` may join, if at most `mostBytes` are to be under way. One always may.
    func hasRoom(for bytes: Int64, within mostBytes: Int64) -> Bool {
        unanswered.isEmpty || (unanswered.count < window.size && bytesInFlight + bytes <= mostBytes)
    }

    /// The same for a whole file, if at most `mostAtRisk` of such bytes are to be.
    func hasRoom(forFile bytes: Int64, within mostBytes: Int64, risking mostAtRisk: Int64) -> Bool {
        hasRoom(for: bytes, within: mostBytes) && (unanswered.isEmpty || bytesAtRisk + bytes <= mostAtRisk)
    }

    /// To be sent again now. `hasNew`: whether there are files that were not sent yet. `hasTurn`: whether one that the receiver
    /// could not write may be begun now.
    func nextWaiting(hasNew: Bool, where hasTurn: (Upload) -> Bool) -> Upload? {
        if let next = waiting.first { return next }
        // Nor are they to become more without end.
        guard !hasNew || behind.count >= mostBehind else { return nil }
        // Answers to earlier parts are not to be taken for those to come.
        return behind.first { next in hasTurn(next) && !unanswered.contains { $0.file == next.file } }
    }

    var nothingWaits: Bool { waiting.isEmpty && behind.isEmpty }

    mutating func takeWaiting(_ next: Upload) {
        if waiting.first == next { waiting.removeFirst() } else { behind.removeAll { $0 == next } }
    }

    /// The head of the request has joined what is sent.
    mutating func begin(_ exchange: Exchange) {
        unanswered.append(exchange)
        add(exchange.bodySize, of: exchange)
    }

    /// An answer came: to what. `nil` if nothing was asked.
    mutating func takeAnswered() -> Exchange? {
        guard !unanswered.isEmpty else { return nil }
        answersOnConnection += 1
        let exchange = unanswered.removeFirst()
        add(-exchange.bodySize, of: exchange)
        return exchange
    }

    /// The receiver has decided about something: more may be under way.
    mutating func proceed() {
        window.grow()
    }

    /// The receiver could not write the file, which comes after all others then. Returns whether that is more than this file's
    /// trouble, as nothing was stored since the last time.
    mutating func putBehind(_ upload: Upload) -> Bool {
        behind.append(upload)
        unwrittenInARow += 1
        return unwrittenInARow > 1
    }

    mutating func stored() {
        unwrittenInARow = 0
    }

    /// Sends the file once more.
    mutating func sendAgain(_ upload: Upload) {
        waiting.append(upload)
    }

    /// Something is wrong between the receiver and us that a full window would only meet again: one request at first.
    mutating func slowDown() {
        window.shrink(answers: 0)
    }

    /// As if it had not been answered, right before its connection ends.
    mutating func putBack(_ exchange: Exchange) {
        unanswered.insert(exchange, at: 0)
        add(exchange.bodySize, of: exchange)
        answersOnConnection -= 1
    }

    /// Takes back the request that was begun last, whose body cannot be completed; its connection is of no use any more.
    mutating func abandonLast() -> Exchange? {
        guard let exchange = unanswered.popLast() else { return nil }
        add(-exchange.bodySize, of: exchange)
        return exchange
    }

    private mutating func add(_ bytes: Int64, of exchange: Exchange) {
        bytesInFlight += bytes
        if exchange.request == .put { bytesAtRisk += bytes }
    }
}

// MARK: - The end of a connection

extension Pipeline {
    enum Ending {
        /// By the receiver's own word, or by ours: nobody is to blame.
        case orderly
        case broken
    }

    struct Consequence: Hashable {
        /// The connection broke on this file too often: it waits for the next run.
        var failed: Upload?
        /// It broke while the receiver owed the answer to a request of this file that goes in parts.
        var suspect: OutgoingFile?
    }

    /// A connection ended. What was not answered is sent again on the next one.
    mutating func disconnect(_ ending: Ending) -> Consequence {
        if ending == .broken { window.shrink(answers: answersOnConnection) }
        let first = ending == .broken ? unanswered.first : nil
        var lost = unanswered.filter { $0.request == .put }.map(\.upload)
        for index in lost.indices { lost[index].wasCut = true }
        (unanswered, bytesInFlight, bytesAtRisk, answersOnConnection) = ([], 0, 0, 0)
        var consequence = Consequence()
        if let first, first.request == .put {
            var upload = lost.removeFirst()
            upload.breaks += 1
            if upload.breaks < mostBreaks {
                // To the end, so that one file on which every connection breaks cannot hold up the others.
                waiting = lost + waiting + [upload]
                return consequence
            }
            consequence.failed = upload
        } else {
            consequence.suspect = first?.file
        }
        waiting = lost + waiting
        return consequence
    }
}
