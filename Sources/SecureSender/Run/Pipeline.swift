/// Which uploads are under way, and what becomes of them when the connection ends. It knows neither sockets nor time.
struct Pipeline {
    struct Upload: Hashable, Sendable {
        let file: OutgoingFile
        /// Whether it was sent again after the receiver had refused its signature's time.
        var isTimeCorrected = false
        /// How often the connection broke while the receiver owed its answer before all others.
        var breaks = 0
    }

    private let mostBarrenConnections: Int
    private let mostBreaks: Int

    /// Sent, at least in part, and not answered; answers come in this order.
    private(set) var unanswered: [Upload] = []
    /// To be sent again, before anything new.
    private(set) var waiting: [Upload] = []
    private var answersOnConnection = 0
    /// In a row.
    private(set) var barrenConnections = 0
    private var window: Window

    /// `isCautious`: begins with one upload, because the receiver may not take our time.
    init(settings: SenderSettings, isCautious: Bool = false) {
        mostBarrenConnections = settings.barrenConnections
        mostBreaks = settings.breaksOfOneFile
        window = Window(most: settings.requestsInFlight, isCautious: isCautious)
    }

    var hasRoom: Bool { unanswered.count < window.size }

    mutating func takeWaiting() -> Upload? {
        waiting.isEmpty ? nil : waiting.removeFirst()
    }

    /// The head of `upload` has joined what is sent.
    mutating func begin(_ upload: Upload) {
        unanswered.append(upload)
    }

    /// An answer came: whose it is. `nil` if nothing was asked.
    mutating func takeAnswered() -> Upload? {
        guard !unanswered.isEmpty else { return nil }
        answersOnConnection += 1
        return unanswered.removeFirst()
    }

    /// The receiver has decided about an upload: more may be under way.
    mutating func proceed() {
        window.grow()
    }

    /// Sends `upload` once more with a corrected time; false if that was tried already.
    mutating func retryWithCorrectedTime(_ upload: Upload) -> Bool {
        guard !upload.isTimeCorrected else { return false }
        var upload = upload
        upload.isTimeCorrected = true
        waiting.append(upload)
        return true
    }

    /// Sends `upload` once more when the receiver can take it, and few at first.
    mutating func postpone(_ upload: Upload) {
        waiting.append(upload)
        window.shrink(answers: 0)
    }

    /// Takes back the upload that was begun last, whose body cannot be completed; its connection is of no use any more.
    mutating func abandonLast() -> Upload? {
        unanswered.popLast()
    }

    enum Ending {
        /// By the receiver's own word, or by ours: nobody is to blame.
        case orderly
        case broken
    }

    struct Consequence: Hashable {
        /// They wait for the next run.
        var failed: [Upload] = []
        var givesUp = false
    }

    /// A connection ended, or could not be made. What was not answered is sent again on the next one.
    mutating func disconnect(_ ending: Ending) -> Consequence {
        defer { answersOnConnection = 0 }
        var lost = unanswered
        unanswered = []
        if ending == .broken { window.shrink(answers: answersOnConnection) }
        barrenConnections = answersOnConnection == 0 && ending == .broken ? barrenConnections + 1 : 0
        guard barrenConnections < mostBarrenConnections else {
            defer { waiting = [] }
            return Consequence(failed: lost + waiting, givesUp: true)
        }
        guard ending == .broken, !lost.isEmpty else {
            waiting = lost + waiting
            return Consequence()
        }
        var first = lost.removeFirst()
        first.breaks += 1
        guard first.breaks < mostBreaks else {
            waiting = lost + waiting
            return Consequence(failed: [first])
        }
        // To the end, so that one file on which every connection breaks cannot hold up the others.
        waiting = lost + waiting + [first]
        return Consequence()
    }
}
